import type { ChildProcess } from 'node:child_process';
import { rmSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { OverlayError } from '@overlay/core';
import type { NetworkNode } from '../host/network-node.js';
import type { Lab } from '../lab.js';
import { poll } from '../system/poll.js';
import { requireTools } from '../system/requirements.js';
import type { EtcdMember, EtcdTls } from './etcd-members.js';
import { endMember, planMembers } from './etcd-members.js';
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
  /** Members of the cluster; 1 unless told. */
  readonly members?: number;
  /** Plain text unless told. */
  readonly tls?: EtcdTls;
  /** More flags of etcd. */
  readonly args?: readonly string[];
  /** True: it goes on when this process ends. */
  readonly survivesLab?: boolean;
  readonly signal?: AbortSignal;
}

/** What flanneld takes for the prefix of all keys unless told. */
export const ETCD_PREFIX = '/coreos.com/network';

const READY_MS = 20_000;

/**
 * A real etcd in the namespace for servers of a lab. Its data are in the lab's folder and survive {@link stop}; not being
 * synchronized to disk, they do not survive a power cut.
 */
export class EtcdServer implements LabStore {
  readonly name = 'etcd';
  /** Where its first member listens, as clients name it. */
  readonly url: string;
  /** With which user and password {@link ctl} asks: `root:secret`. */
  user: string | undefined;
  /** Its log. */
  readonly logFile: string;
  readonly dataDirectory: string;
  readonly #node: NetworkNode;
  readonly #options: EtcdServerOptions;
  readonly #members: readonly EtcdMember[];

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
    this.#node = node;
    this.#options = options;
    this.logFile = path.join(directory, 'etcd.log');
    this.#members = planMembers(node, directory, options);
    const [{ url, dataDirectory }] = this.#members;
    this.url = url;
    this.dataDirectory = dataDirectory;
  }

  agentArgs(): readonly string[] {
    return [`--etcd-endpoints=${this.#endpoints}`];
  }

  /** Starts every member that does not run, with the data that are there, and waits until it answers. @throws as the static method */
  async start(): Promise<void> {
    const { survivesLab, signal } = this.#options;
    for (const member of this.#members) {
      if (member.child !== undefined) continue;
      const options = { logFile: this.logFile, ...(survivesLab && { survivesLab }) };
      member.child = this.#node.spawn(['etcd', ...member.args], options);
    }
    const ended = (): ChildProcess | undefined =>
      this.#members.flatMap(({ child }) => child ?? []).find(({ exitCode }) => exitCode !== null);
    const answers = (): Promise<boolean> =>
      this.ctl(['get', '--keys-only', 'x']).then(
        () => true,
        () => false,
      );
    const ready = await poll(async () => ended() !== undefined || (await answers()), { timeoutMs: READY_MS, signal });
    if (ready && ended() === undefined) return;
    const how = ready ? `it ended with code ${ended()?.exitCode}` : `it does not answer within ${READY_MS} ms`;
    throw new OverlayError('OVERLAY_LAB_STORE', `lab: start etcd: ${how}; see ${this.logFile}`);
  }

  /** Ends it, or one of its members, counted from 0. Its data stay. */
  async stop(signal: NodeJS.Signals = 'SIGTERM', member?: number): Promise<void> {
    const members = member === undefined ? this.#members : this.#members.slice(member, member + 1);
    await Promise.all(members.map((each) => endMember(each, signal)));
  }

  /** The member that leads, counted from 0. @throws OverlayError `OVERLAY_LAB_COMMAND` */
  async leader(): Promise<number> {
    // Identities are larger than JSON's numbers are here: their digits are taken as they are.
    const json = (await this.ctl(['endpoint', 'status', '-w', 'json'])).replaceAll(
      /"(member_id|leader)":(\d+)/g,
      '"$1":"$2"',
    );
    const all = JSON.parse(json) as readonly {
      readonly Endpoint: string;
      readonly Status: { readonly header: { readonly member_id: string }; readonly leader: string };
    }[];
    const leading = all.find(({ Status }) => Status.header.member_id === Status.leader);
    return this.#members.findIndex(({ url }) => url === leading?.Endpoint);
  }

  /** Lets this process end while etcd runs. */
  release(): void {
    for (const { child } of this.#members) child?.unref();
  }

  /** Runs `etcdctl` in the server's namespace, and gives what it prints. @throws OverlayError `OVERLAY_LAB_COMMAND` */
  async ctl(args: readonly string[], input?: string): Promise<string> {
    const { tls } = this.#options;
    const argv = [
      ...['etcdctl', '--command-timeout=4s', '--dial-timeout=2s', `--endpoints=${this.#endpoints}`],
      ...(tls === undefined ? [] : [`--cacert=${tls.ca}`, `--cert=${tls.cert}`, `--key=${tls.key}`]),
      ...(this.user === undefined ? [] : [`--user=${this.user}`]),
      ...args,
    ];
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

  /** Ends its only member and starts it with what a backup holds, as after a disaster: its revision goes back. */
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

  get #endpoints(): string {
    return this.#members.map(({ url }) => url).join(',');
  }
}
