import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import {
  errorText,
  FAMILIES,
  formatLeaseKey,
  parseLeaseKey,
  parseNetConf,
  pickSubnet,
  prefixesOverlap,
  subnetFits,
} from '@overlay/core';
import type { PerFamily, Prefix } from '@overlay/core';

/** How long a question for changes is kept open when there are none, in milliseconds. */
const LONGEST_WAIT_MS = 20_000;

/** Changes come in bursts, and are told together, so many milliseconds after the first. */
const GATHER_MS = 50;

/** What a host asks for: `PUT /leases/HOST`. */
export interface LeaseWish {
  /** Its net-conf.json. */
  readonly netConf: string;
  /** What it publishes, as flannel writes it. */
  readonly value: string;
  /** Subnets that it had before, as flannel writes them: `10.244.1.0-24`. */
  readonly wanted?: string;
}

/** One lease: the subnets and what the host publishes, as flannel writes them. */
export type LeaseRecord = readonly [subnets: string, value: string];

/** `GET /leases?after=VERSION`: all leases, as soon as the version is another one. */
export interface LeaseList {
  readonly version: number;
  readonly leases: Readonly<Record<string, LeaseRecord>>;
}

/** Why a host gets none: an answer that it has to tell from being asked nonsense. */
class RangeFull extends Error {}

/** Gives every host a subnet, and tells everybody of all leases. Kept in memory: a real one would have a database. */
export class LeaseService {
  readonly #leases = new Map<string, LeaseRecord>();
  readonly #waiting = new Set<() => void>();
  readonly #server: Server = createServer((request, response) => void this.#answer(request, response));
  #version = 1;
  #telling: NodeJS.Timeout | undefined;

  /** @param port 0 for any that is free. @returns the URL. */
  listen(port: number): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject).listen(port, '127.0.0.1', () => {
        const address = this.#server.address();
        resolve(`http://127.0.0.1:${typeof address === 'object' ? address?.port : port}`);
      });
    });
  }

  remove(hostId: string): void {
    if (this.#leases.delete(hostId)) this.#changed();
  }

  hostOf(subnets: PerFamily<Prefix>): string | undefined {
    return [...this.#leases].find(([, [text]]) => text === formatLeaseKey(subnets))?.[0];
  }

  async close(): Promise<void> {
    clearTimeout(this.#telling);
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://service');
    const [, folder, hostId] = url.pathname.split('/').map(decodeURIComponent);
    if (folder !== 'leases') return void response.writeHead(404).end();
    if (request.method === 'PUT' && hostId) {
      try {
        let body = '';
        for await (const part of request.setEncoding('utf8')) body += String(part);
        response.end(JSON.stringify(this.#put(hostId, wishOf(JSON.parse(body)))));
      } catch (error) {
        response.writeHead(error instanceof RangeFull ? 409 : 400).end(errorText(error));
      }
      return;
    }
    if (Number(url.searchParams.get('after')) === this.#version) await this.#change(request);
    const list: LeaseList = { version: this.#version, leases: Object.fromEntries(this.#leases) };
    response.end(JSON.stringify(list));
  }

  #put(hostId: string, { netConf, value, wanted }: LeaseWish): LeaseRecord {
    const conf = parseNetConf(netConf);
    const before = this.#leases.get(hostId);
    const had = { ...parseLeaseKey(wanted ?? ''), ...parseLeaseKey(before?.[0] ?? '') };
    const others = [...this.#leases].filter(([id]) => id !== hostId).map(([, [text]]) => parseLeaseKey(text));
    const subnets: { ipv4?: Prefix; ipv6?: Prefix } = {};
    for (const family of FAMILIES) {
      const range = conf[family];
      if (!range) continue;
      const taken = others.flatMap((other) => other?.[family] ?? []);
      const old = had[family];
      const free = old && subnetFits(range, old) && !taken.some((prefix) => prefixesOverlap(prefix, old));
      subnets[family] = free ? old : pickSubnet(range, taken, hostId);
      if (!subnets[family]) throw new RangeFull(`every subnet from ${range.subnetMin} to ${range.subnetMax} is taken`);
    }
    const record = [formatLeaseKey(subnets), value] as const;
    this.#leases.set(hostId, record);
    if (String(before) !== String(record)) this.#changed();
    return record;
  }

  #changed(): void {
    this.#version += 1;
    this.#telling ??= setTimeout(() => {
      this.#telling = undefined;
      for (const go of this.#waiting) go();
    }, GATHER_MS);
  }

  /** Until something has changed, the asker is gone, or it has waited long enough. */
  #change(request: IncomingMessage): Promise<void> {
    return new Promise((resolve) => {
      const go = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(go);
        resolve();
      };
      const timer = setTimeout(go, LONGEST_WAIT_MS);
      this.#waiting.add(go);
      request.socket.once('close', go);
    });
  }
}

/** Whoever may reach the service may send it anything. */
function wishOf(body: unknown): LeaseWish {
  const { netConf, value, wanted } = (body ?? {}) as Partial<Record<keyof LeaseWish, unknown>>;
  if (typeof netConf === 'string' && typeof value === 'string' && ['string', 'undefined'].includes(typeof wanted)) {
    return body as LeaseWish;
  }
  throw new TypeError(`expected netConf, value and perhaps wanted as texts, got ${JSON.stringify(body)?.slice(0, 80)}`);
}
