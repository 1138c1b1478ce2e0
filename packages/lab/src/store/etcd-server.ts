import type { ChildProcess } from 'node:child_process';
import { rmSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { OverlayError } from '@overlay/core';
import type { NetworkNode } from '../host/network-node.js';
import type { Lab } from '../lab.js';
import { poll } from '../system/poll.js';
import { requireTools } from '../system/requirements.js';
import type { LabStore } from './lab-store.js';

/** A key of etcd with what is there. */
export interface StoredKey {
  readonly key: string;
  readonly value: string;
  /** The etcd lease that it ends with, in hexadecimal digits as `etcdctl` takes them; `0` for none. */
  readonly lease: string;
  readonly modRevision: number;
}

/** How {@link EtcdServer.start} goes about it. */
export interface EtcdServerOptions {
  /** More flags of etcd. */
  readonly args?: readonly string[];
  /** True: it goes on when this process ends. */
  readonly survivesLab?: boolean;
  readonly signal?: AbortSignal;
}

/** What flanneld takes for the prefix of all keys unless told. */
export const ETCD_PREFIX = '/coreos.com/network';

const PORT = 2379;
const READY_MS = 20_000;
/** For an etcd to end after SIGTERM, in milliseconds. */
const GRACE_MS = 5_000;

/**
 * A real etcd, of one member, in the namespace for servers of a lab. Its data are in the lab's folder and survive
 * {@link stop}; not being synchronized to disk, they do not survive a power cut.
 */
export class EtcdServer implements LabStore {
  readonly name = 'etcd';
  /** Where it listens, as clients name it. */
  readonly url: string;
  /** Its log. */
  readonly logFile: string;
  readonly dataDirectory: string;
  readonly #node: NetworkNode;
  readonly #options: EtcdServerOptions;
  #child: ChildProcess | undefined;

  /**
   * Starts one and waits until it answers.
   *
   * @throws OverlayError `OVERLAY_LAB_TOOL_MISSING`, `OVERLAY_LAB_STORE` with the end of its log, `OVERLAY_ABORTED`.
   */
  static async start(lab: Lab, options: EtcdServerOptions = {}): Promise<EtcdServer> {
    if (lab.server === undefined) throw new TypeError('lab: start etcd: the lab was made without a server');
    requireTools(['etcd', 'etcdctl']);
    const server = new EtcdServer(lab.server, lab.directory, options);
    await server.start();
    return server;
  }

  private constructor(node: NetworkNode, directory: string, options: EtcdServerOptions) {
    const { ipv4, ipv6 } = node.addresses;
    this.url = `http://${ipv4 ?? `[${ipv6}]`}:${PORT}`;
    this.logFile = path.join(directory, 'etcd.log');
    this.dataDirectory = path.join(directory, 'etcd');
    this.#node = node;
    this.#options = options;
  }

  agentArgs(): readonly string[] {
    return [`--etcd-endpoints=${this.url}`];
  }

  /** Starts it again, with the data that are there, and waits until it answers. @throws as the static method */
  async start(): Promise<void> {
    const { args = [], survivesLab, signal } = this.#options;
    const argv = [
      ...['etcd', '--name', 'lab', '--data-dir', this.dataDirectory],
      ...['--listen-client-urls', this.url, '--advertise-client-urls', this.url],
      ...['--unsafe-no-fsync', '--logger=zap', '--log-outputs=stderr', '--log-level=warn'],
      ...args,
    ];
    const child = this.#node.spawn(argv, { logFile: this.logFile, ...(survivesLab && { survivesLab }) });
    this.#child = child;
    const answers = (): Promise<boolean> =>
      this.ctl(['endpoint', 'health']).then(
        () => true,
        () => false,
      );
    const ready = await poll(async () => child.exitCode !== null || (await answers()), { timeoutMs: READY_MS, signal });
    if (ready && child.exitCode === null) return;
    const how = ready ? `it ended with code ${child.exitCode}` : `it does not answer within ${READY_MS} ms`;
    throw new OverlayError('OVERLAY_LAB_STORE', `lab: start etcd: ${how}; see ${this.logFile}`);
  }

  /** Ends it. Its data stay. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill(signal);
    if (!(await poll(() => child.exitCode !== null || child.signalCode !== null, { timeoutMs: GRACE_MS })))
      child.kill('SIGKILL');
    await ended;
  }

  /** Lets this process end while etcd runs. */
  release(): void {
    this.#child?.unref();
  }

  /** Runs `etcdctl` in the server's namespace, and gives what it prints. @throws OverlayError `OVERLAY_LAB_COMMAND` */
  async ctl(args: readonly string[], input?: string): Promise<string> {
    const argv = ['etcdctl', '--command-timeout=4s', '--dial-timeout=2s', `--endpoints=${this.url}`, ...args];
    const { stdout } = await this.#node.exec(argv, {
      env: { ...process.env, ETCDCTL_API: '3' },
      ...(input !== undefined && { input }),
    });
    return stdout;
  }

  /** Writes a key. `lease` as of {@link StoredKey}. @throws OverlayError `OVERLAY_LAB_COMMAND` */
  async put(key: string, value: string, lease?: string): Promise<void> {
    await this.ctl(['put', ...(lease === undefined ? [] : [`--lease=${lease}`]), '--', key, value]);
  }

  /** Writes the configuration of the network. @throws OverlayError `OVERLAY_LAB_COMMAND` */
  async putNetConf(text: string): Promise<void> {
    await this.put(`${ETCD_PREFIX}/config`, text);
  }

  /** All keys that begin with a text. @throws OverlayError `OVERLAY_LAB_COMMAND` */
  async keys(start = '/'): Promise<readonly StoredKey[]> {
    // The identities of etcd leases are larger than JSON's numbers are here: their digits are taken as they are.
    const json = (await this.ctl(['get', '--prefix', start, '-w', 'json'])).replaceAll(
      /"lease":(\d+)/g,
      '"lease":"$1"',
    );
    const { kvs = [] } = JSON.parse(json) as {
      kvs?: { key: string; value?: string; lease?: string; mod_revision: number }[];
    };
    const text = (base64 = ''): string => Buffer.from(base64, 'base64').toString('utf8');
    return kvs.map(({ key, value, lease = '0', mod_revision }) => ({
      key: text(key),
      value: text(value),
      lease: BigInt(lease).toString(16),
      modRevision: mod_revision,
    }));
  }

  /** Writes a backup into a file. @throws OverlayError `OVERLAY_LAB_COMMAND` */
  async backup(file: string): Promise<void> {
    await this.ctl(['snapshot', 'save', file]);
  }

  /** Ends it and starts it with what a backup holds, as after a disaster: its revision goes back. */
  async restore(file: string): Promise<void> {
    await this.stop('SIGKILL');
    rmSync(this.dataDirectory, { recursive: true, force: true });
    await this.ctl([
      'snapshot',
      'restore',
      file,
      '--data-dir',
      this.dataDirectory,
      '--name',
      'lab',
      '--initial-cluster',
      'lab=http://localhost:2380',
      '--initial-advertise-peer-urls',
      'http://localhost:2380',
    ]);
    await this.start();
  }
}
