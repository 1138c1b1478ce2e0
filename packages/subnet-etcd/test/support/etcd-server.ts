import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';
import { until } from '@overlay/core/testing';
import type { LoopbackCertificates } from './certificates.js';
import { EtcdProcess, freePorts } from './etcd-process.js';

const run = promisify(execFile);

export interface EtcdServerOptions {
  /** Members of the cluster; 1 unless told. */
  readonly members?: number;
  /** Serve TLS with these, and demand certificates of clients when told. */
  readonly tls?: { readonly certificates: LoopbackCertificates; readonly clientAuth?: boolean; readonly name?: string };
  /** Wait only until it lets connections in: etcdctl would refuse it, too. */
  readonly unchecked?: boolean;
  readonly args?: readonly string[];
}

/** A key as `etcdctl` prints it. */
export interface StoredKey {
  readonly key: string;
  readonly value: string;
  /** The etcd lease, 0 for none, in hexadecimal digits as etcdctl takes them. */
  readonly lease: string;
  readonly modRevision: number;
}

/** A real etcd on loopback, with its data in a directory of its own. */
export class EtcdServer {
  readonly urls: readonly string[];
  readonly members: readonly EtcdProcess[];
  readonly directory: string;
  /** Put before the arguments of every etcdctl: a user and a password. */
  ctlArgs: string[] = [];
  readonly #options: EtcdServerOptions;

  static async start(options: EtcdServerOptions = {}): Promise<EtcdServer> {
    const server = new EtcdServer(options, await freePorts(2 * (options.members ?? 1)));
    try {
      for (const member of server.members) member.start();
      await (options.unchecked === true ? server.listening() : server.ready());
    } catch (error) {
      await server.dispose();
      throw error;
    }
    return server;
  }

  private constructor(options: EtcdServerOptions, ports: readonly number[]) {
    this.#options = options;
    this.directory = mkdtempSync(join(tmpdir(), 'overlay-etcd-'));
    const { members = 1, tls, args = [] } = options;
    const scheme = tls === undefined ? 'http' : 'https';
    const client = (at: number): string => `${scheme}://127.0.0.1:${ports[2 * at]}`;
    const peer = (at: number): string => `http://127.0.0.1:${ports[2 * at + 1]}`;
    const indexes = Array.from({ length: members }, (_, at) => at);
    this.urls = indexes.map(client);
    const cluster = indexes.map((at) => `m${at}=${peer(at)}`).join(',');
    const tlsArgs = tls === undefined ? [] : tls.certificates.serverArgs(tls.clientAuth ?? false, tls.name);
    this.members = indexes.map(
      (at) =>
        new EtcdProcess([
          ...['--name', `m${at}`, '--data-dir', join(this.directory, `m${at}`)],
          ...['--listen-client-urls', client(at), '--advertise-client-urls', client(at)],
          ...['--listen-peer-urls', peer(at), '--initial-advertise-peer-urls', peer(at)],
          ...['--initial-cluster', cluster, '--initial-cluster-token', this.directory],
          ...tlsArgs,
          ...args,
        ]),
    );
  }

  /** Waits until the first member lets connections in. */
  async listening(): Promise<void> {
    const port = Number(new URL(this.urls[0]).port);
    const letIn = (): Promise<boolean> =>
      new Promise((resolve) => {
        const socket = connect(port, '127.0.0.1');
        socket.once('error', () => resolve(false));
        socket.once('connect', () => {
          socket.destroy();
          resolve(true);
        });
      });
    await until('etcd listens', letIn, 20_000);
  }

  /** Waits until it takes questions. */
  async ready(): Promise<void> {
    await until(
      'etcd answers',
      () =>
        this.ctl('get', '--keys-only', 'x').then(
          () => true,
          () => false,
        ),
      20_000,
    );
  }

  async ctl(...args: readonly string[]): Promise<string> {
    const { stdout } = await run('etcdctl', [...this.#commonArgs(), ...args], this.#execOptions());
    return stdout;
  }

  /** The same for where nothing can be waited for. */
  ctlSync(...args: readonly string[]): void {
    execFileSync('etcdctl', [...this.#commonArgs(), ...args], { ...this.#execOptions(), stdio: 'ignore' });
  }

  /** All keys that begin with a text. */
  async keys(start = '/'): Promise<StoredKey[]> {
    // The identities of etcd leases are larger than the numbers of JSON here: their digits are taken as they are.
    const json = (await this.ctl('get', '--prefix', start, '-w', 'json')).replaceAll(/"lease":(\d+)/g, '"lease":"$1"');
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

  async put(key: string, value: string, ...args: readonly string[]): Promise<void> {
    await this.ctl('put', ...args, '--', key, value);
  }

  /** A new etcd lease for so many seconds. */
  async grant(ttl: number): Promise<string> {
    const id = /^lease ([0-9a-f]+) granted/.exec(await this.ctl('lease', 'grant', String(ttl)))?.[1];
    if (id === undefined) throw new Error('etcdctl grants no lease');
    // etcdctl pads it with zeros to 16 digits, which one in sixteen members' identities have in front.
    return BigInt(`0x${id}`).toString(16);
  }

  async revision(): Promise<number> {
    const { header } = JSON.parse(await this.ctl('get', 'x', '-w', 'json')) as { header: { revision: number } };
    return header.revision;
  }

  async changePassword(user: string, password: string): Promise<void> {
    const child = run(
      'etcdctl',
      [...this.#commonArgs(), 'user', 'passwd', user, '--interactive=false'],
      this.#execOptions(),
    );
    child.child.stdin?.end(`${password}\n`);
    await child;
  }

  /** Writes a backup of the only member. */
  async backup(): Promise<void> {
    await this.ctl('snapshot', 'save', join(this.directory, 'backup.db'));
  }

  /**
   * Ends the only member and starts it with what was backed up, as a person does after a disaster.
   *
   * @param token what the cluster's identity is made of; its own unless told
   */
  async restore(token = `${this.directory}-restored`): Promise<void> {
    const [member] = this.members;
    await member.stop();
    rmSync(join(this.directory, 'm0'), { recursive: true, force: true });
    const cluster = member.argument('--initial-cluster');
    const peer = member.argument('--initial-advertise-peer-urls');
    await this.ctl(
      ...['snapshot', 'restore', join(this.directory, 'backup.db'), '--name', 'm0'],
      ...['--data-dir', join(this.directory, 'm0'), '--initial-cluster', cluster],
      ...['--initial-advertise-peer-urls', peer, '--initial-cluster-token', token],
    );
    member.start();
    await this.ready();
  }

  #commonArgs(): string[] {
    const { tls } = this.#options;
    const tlsArgs = tls === undefined ? [] : tls.certificates.clientArgs();
    return [
      '--command-timeout=4s',
      '--dial-timeout=2s',
      `--endpoints=${this.urls.join(',')}`,
      ...tlsArgs,
      ...this.ctlArgs,
    ];
  }

  #execOptions(): { env: NodeJS.ProcessEnv; timeout: number; maxBuffer: number } {
    return { env: { ...process.env, ETCDCTL_API: '3' }, timeout: 20_000, maxBuffer: 64 * 1024 * 1024 };
  }

  async dispose(): Promise<void> {
    for (const member of this.members) member.freeze(false);
    await Promise.all(this.members.map((member) => member.stop()));
    rmSync(this.directory, { recursive: true, force: true });
  }
}
