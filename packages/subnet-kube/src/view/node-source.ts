import type { Clock, Logger } from '@overlay/core';
import { errorText, OverlayError } from '@overlay/core';
import type { ApiClient, Asking } from '../api/api-client.js';
import { refused, statusOf } from '../api/failure.js';
import type { NodeFacts } from '../node/node-facts.js';
import { readStatus } from '../protobuf/envelope.js';
import { ListItems } from '../protobuf/list-items.js';
import type { ReadNodeOptions } from '../protobuf/node.js';
import { readNode } from '../protobuf/node.js';
import type { WatchEvent } from '../protobuf/watch-frames.js';
import { WatchFrames } from '../protobuf/watch-frames.js';

/** Whom a {@link NodeSource} tells what it reads. */
export interface NodeListener {
  /** A Node, while everything is being read. */
  listed(node: NodeFacts): void;
  /** Everything has been read; what follows are changes. */
  complete(): void;
  changed(node: NodeFacts): void;
  deleted(name: string): void;
  /** The API server has told something, and be it that nothing has changed. */
  alive(): void;
  /** Everything that came at once has been told. */
  settled(): void;
}

export interface NodeSourceOptions {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly reading: ReadNodeOptions;
  readonly silenceMs: number;
}

/** The history since our version is gone, or never was: everything has to be read once more. */
export class HistoryLost extends Error {}

/** How long the API server may be silent while it tells all Nodes. It can be busy before it begins. */
const LIST_SILENCE_MS = 30_000;
/** What an API server says that could stream what there is if its etcd could. */
const ETCD_TOO_OLD = /required storage feature|sendInitialEvents/;
const WENT_BACK = 'its versions went backwards, as after restoring a backup';
const PATH = '/api/v1/nodes';

/** Reads all Nodes, then their changes, from one API server. */
export class NodeSource {
  readonly #options: NodeSourceOptions;
  /** The last attempt to have everything streamed was refused for a reason that may have been a passing one. */
  #puzzled = false;
  #version: string | undefined;

  constructor(options: NodeSourceOptions) {
    this.#options = options;
  }

  /**
   * Reads everything, and its changes until the API server ends the watch, which it does every few minutes. Where it
   * cannot do both in one it ends before the first change.
   *
   * @throws HistoryLost, ApiFailure
   */
  async readAll(listener: NodeListener, signal: AbortSignal): Promise<void> {
    // What is kept in the memory of the API server will do, so that etcd is not asked by each host: version 0. But once
    // something newer is known, none that is older.
    const version = this.#version ?? '0';
    const match = version === '0' ? '' : '&resourceVersionMatch=NotOlderThan';
    try {
      if (await this.#watchAll(version, listener, signal)) return;
      await this.#list(`${PATH}?resourceVersion=${version}${match}`, listener, signal);
    } catch (error) {
      // A version that it does not know yet, as after restoring a backup: from now on any will do.
      if (statusOf(error) === 504 || statusOf(error) === 410) this.#version = undefined;
      throw error;
    }
  }

  /**
   * Reads the changes since the last one that was told, until the API server ends the watch.
   *
   * @throws HistoryLost, ApiFailure
   */
  async follow(listener: NodeListener, signal: AbortSignal): Promise<void> {
    const path = `${PATH}?watch=1&allowWatchBookmarks=true&resourceVersion=${this.#version ?? '0'}`;
    await this.#watch(path, listener, { what: 'watching the Nodes', signal }, 'changes');
  }

  /**
   * Reads this host's Node after the API server was away, and so whether the store has gone back meanwhile, as it does when
   * a backup is restored. A watch would not tell for a minute: the API server takes one that begins in the future, and
   * passes over all changes up to there. The answer comes from its memory; to what lags behind a little it gives 3 s.
   *
   * @param known the version in which the Node is known, if it is
   * @returns undefined when there is no such Node
   * @throws HistoryLost, ApiFailure
   */
  async readOwn(name: string, known: string | undefined, signal: AbortSignal): Promise<NodeFacts | undefined> {
    const { client, reading } = this.#options;
    const version = Math.max(Number(this.#version ?? '0'), Number(known ?? '0'));
    const since = `resourceVersion=${version}&resourceVersionMatch=NotOlderThan`;
    const path = `${PATH}?fieldSelector=${encodeURIComponent(`metadata.name=${name}`)}&${since}`;
    const items = new ListItems();
    let node: NodeFacts | undefined;
    const take = (piece: Buffer): void => {
      for (const item of items.push(piece)) node = readNode(item, reading);
    };
    try {
      await client.stream(path, take, () => client.patienceMs, { what: `reading Node ${name}`, signal });
    } catch (error) {
      if (statusOf(error) !== 504) throw error;
      this.#version = undefined;
      throw new HistoryLost(WENT_BACK, { cause: error });
    }
    return node;
  }

  /**
   * False when the API server does not stream what there is at the start of a watch, as not every one does. Asked each time:
   * a server that is replaced may, and reading everything is rare.
   */
  async #watchAll(version: string, listener: NodeListener, signal: AbortSignal): Promise<boolean> {
    const path =
      `${PATH}?watch=1&allowWatchBookmarks=true&sendInitialEvents=true` +
      `&resourceVersionMatch=NotOlderThan&resourceVersion=${version}`;
    let begun = false;
    const noticing: NodeListener = {
      ...listener,
      listed: (node) => {
        begun = true;
        listener.listed(node);
      },
    };
    try {
      await this.#watch(path, noticing, { what: 'reading the Nodes', signal }, 'list');
      return true;
    } catch (error) {
      if (begun || !this.#cannotStream(error)) throw error;
      this.#options.logger.debug(`the API server does not stream lists, reading them whole: ${errorText(error)}`);
      return false;
    }
  }

  /** A server that is too busy may answer 500 as well: a list, which costs it far more, is the last that it needs then. */
  #cannotStream(error: unknown): boolean {
    const status = statusOf(error);
    // It does not know the parameter.
    if (status === 400 || status === 422) return true;
    const before = this.#puzzled;
    this.#puzzled = status === 500 && !ETCD_TOO_OLD.test(errorText(error));
    return status === 500 && (before || !this.#puzzled);
  }

  async #list(path: string, listener: NodeListener, signal: AbortSignal): Promise<void> {
    const { client, reading } = this.#options;
    const items = new ListItems();
    const take = (piece: Buffer): void => {
      listener.alive();
      for (const item of items.push(piece)) listener.listed(readNode(item, reading));
    };
    await client.stream(path, take, () => LIST_SILENCE_MS, { what: 'reading the Nodes', signal });
    if (!items.complete) throw new Error('the list of the Nodes has no end');
    this.#version = items.resourceVersion;
    listener.complete();
    listener.settled();
  }

  async #watch(path: string, listener: NodeListener, asking: Asking, phase: 'list' | 'changes'): Promise<void> {
    const { client, silenceMs } = this.#options;
    const frames = new WatchFrames();
    const watch = { phase, highest: Number(this.#version ?? '0') };
    const take = (piece: Buffer): void => {
      listener.alive();
      for (const event of frames.push(piece)) this.#take(event, watch, listener, asking.what);
      listener.settled();
    };
    const patience = (): number => (watch.phase === 'list' ? LIST_SILENCE_MS : silenceMs);
    await client.stream(path, take, patience, asking);
    if (watch.phase === 'list') throw new Error('the list of the Nodes has no end');
  }

  #take(
    event: WatchEvent,
    watch: { phase: 'list' | 'changes'; highest: number },
    listener: NodeListener,
    what: string,
  ): void {
    if (event.type === 'ERROR') {
      throw refused(what, this.#options.client.server, readStatus(event.message));
    }
    const node = readNode(event.message, this.#options.reading);
    const version = Number(node.resourceVersion);
    if (watch.phase === 'list') {
      if (event.type === 'BOOKMARK' && node.endsInitialEvents === true) {
        watch.phase = 'changes';
        watch.highest = version;
        this.#version = node.resourceVersion;
        listener.complete();
      } else if (event.type !== 'BOOKMARK') {
        listener.listed(node);
      }
      return;
    }
    // Events come in the order of their versions. A store that was restored from a backup begins with lower ones.
    if (version < watch.highest) throw new HistoryLost(WENT_BACK);
    watch.highest = version;
    this.#version = node.resourceVersion;
    if (event.type === 'DELETED') listener.deleted(node.name);
    else if (event.type !== 'BOOKMARK') listener.changed(node);
  }
}

/** Whether an attempt to go on where we were tells that everything has to be read once more. */
export function isHistoryLost(error: unknown): boolean {
  if (error instanceof HistoryLost) return true;
  // What cannot be read is not there.
  if (!(error instanceof OverlayError)) return true;
  const status = statusOf(error);
  // Rights may be given and servers become free; all other refusals are about what we ask.
  return status !== undefined && ![401, 403, 429, 502, 503].includes(status);
}
