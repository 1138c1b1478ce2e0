import type { Link } from './link.js';

/** A link that several have, and how many. */
interface Shared {
  readonly link: Link;
  users: number;
}

/** The share of one user in a link. */
export interface Share {
  readonly link: Link;
  /** Gives it up; the last one to do so closes the link. */
  close(): void;
  /** Has nobody else begin with it: it has failed. */
  doubt(): void;
}

/**
 * Links to the same server that several users have in common, by a name for the server. Half of what asking etcd for a
 * lease costs is making the connection, on both sides.
 */
export class SharedLinks {
  readonly #links = new Map<string, Shared>();

  open(name: string, make: () => Link): Share {
    let shared = this.#links.get(name);
    if (shared?.link.usable !== true) {
      shared = { link: make(), users: 0 };
      this.#links.set(name, shared);
    }
    shared.users++;
    return this.#share(name, shared);
  }

  #share(name: string, shared: Shared): Share {
    let open = true;
    const forget = (): void => {
      if (this.#links.get(name) === shared) this.#links.delete(name);
    };
    return {
      link: shared.link,
      doubt: forget,
      close: () => {
        if (!open) return;
        open = false;
        if (--shared.users > 0) return;
        forget();
        shared.link.close();
      },
    };
  }
}
