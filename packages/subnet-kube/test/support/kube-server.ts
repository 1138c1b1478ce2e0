import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts, ServerProcess } from './server-process.js';
import { SERVERS } from './server-folder.js';
import { until } from '@overlay/core/testing';

export interface KubeServerOptions {
  /** The program in the place of the etcd that is built beside Kubernetes. */
  readonly etcd?: string;
  readonly args?: readonly string[];
}

export interface Answer {
  readonly status: number;
  /** Parsed JSON, or the text that came. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly body: any;
}

const ADMIN = 'token-of-the-admin';

/** A real API server on loopback with an etcd of its own. */
export class KubeServer {
  readonly url: string;
  readonly directory: string;
  readonly etcd: ServerProcess;
  readonly api: ServerProcess;
  readonly port: number;
  readonly #etcdUrl: string;
  #agent: Agent | undefined;

  static async start(options: KubeServerOptions = {}): Promise<KubeServer> {
    const server = new KubeServer(options, await freePorts(3));
    try {
      server.etcd.start();
      server.api.start();
      await server.ready();
    } catch (error) {
      await server.dispose();
      throw new Error(`${String(error)}\n${server.etcd.log}\n${server.api.log}`);
    }
    return server;
  }

  private constructor(options: KubeServerOptions, ports: readonly number[]) {
    const [client = 0, peer = 0, secure = 0] = ports;
    this.directory = mkdtempSync(join(tmpdir(), 'overlay-kube-'));
    const file = (name: string, content: string): string => {
      const path = join(this.directory, name);
      writeFileSync(path, content, { mode: 0o600 });
      return path;
    };
    const { privateKey } = generateKeyPairSync('rsa', {
      modulusLength: 2048,
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    });
    const key = file('service-accounts.key', privateKey);
    const tokens = file('tokens.csv', `${ADMIN},admin,admin,"system:masters"\n`);
    this.port = secure;
    this.url = `https://127.0.0.1:${secure}`;
    this.#etcdUrl = `http://127.0.0.1:${client}`;
    const peerUrl = `http://127.0.0.1:${peer}`;
    this.etcd = new ServerProcess(options.etcd ?? join(SERVERS, 'etcd'), [
      ...['--data-dir', join(this.directory, 'etcd'), '--unsafe-no-fsync', '--log-level=error'],
      ...['--listen-client-urls', this.#etcdUrl, '--advertise-client-urls', this.#etcdUrl],
      ...['--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl],
      ...['--initial-cluster', `default=${peerUrl}`],
    ]);
    this.api = new ServerProcess(join(SERVERS, 'kube-apiserver'), [
      ...[`--etcd-servers=${this.#etcdUrl}`, `--cert-dir=${join(this.directory, 'certificates')}`],
      ...[`--service-account-key-file=${key}`, `--service-account-signing-key-file=${key}`],
      ...['--service-account-issuer=https://kubernetes.default.svc', `--token-auth-file=${tokens}`],
      ...['--authorization-mode=Node,RBAC', '--allow-privileged=true', '--service-cluster-ip-range=10.96.0.0/16'],
      ...[`--secure-port=${secure}`, '--bind-address=127.0.0.1', '--advertise-address=192.0.2.1'],
      ...['--endpoint-reconciler-type=none', '--max-mutating-requests-inflight=1000', '--shutdown-delay-duration=0s'],
      ...(options.args ?? []),
    ]);
  }

  get ca(): string {
    return join(this.directory, 'certificates', 'apiserver.crt');
  }

  /** Waits until it takes questions. */
  async ready(): Promise<void> {
    await until(
      'the API server is ready',
      async () => {
        if (!this.api.running) throw new Error('the API server has ended');
        const { status } = await this.ask('GET', '/readyz').catch(() => ({ status: 0 }));
        return status === 200;
      },
      60_000,
    );
  }

  /** Asks as the administrator. */
  async ask(method: string, path: string, body?: unknown, type = 'application/json', token = ADMIN): Promise<Answer> {
    this.#agent ??= new Agent({ keepAlive: true, maxSockets: 8, ca: readFileSync(this.ca) });
    const { agent } = this;
    return await new Promise<Answer>((resolve, reject) => {
      const headers = { authorization: `Bearer ${token}`, 'content-type': type, accept: 'application/json' };
      const outgoing = request({ host: '127.0.0.1', port: this.port, method, path, headers, agent }, (incoming) => {
        let text = '';
        incoming.on('data', (piece: Buffer) => (text += piece.toString()));
        incoming.on('error', reject);
        incoming.on('end', () => {
          let parsed: unknown = text;
          try {
            parsed = JSON.parse(text);
          } catch {
            // As it is.
          }
          resolve({ status: incoming.statusCode ?? 0, body: parsed });
        });
      });
      outgoing.on('error', reject);
      outgoing.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  /** How often a status of a Node has been patched so far, by anybody. */
  async patches(): Promise<number> {
    const { body } = await this.ask('GET', '/metrics');
    const lines = String(body)
      .split('\n')
      .filter((line) => line.startsWith('apiserver_request_total{'));
    const ours = lines.filter((line) =>
      ['verb="PATCH"', 'resource="nodes"', 'subresource="status"'].every((part) => line.includes(part)),
    );
    return ours.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  }

  /** Asks as the administrator; what is refused is an error. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  async do(method: string, path: string, body?: unknown, type?: string): Promise<any> {
    const { status, body: answer } = await this.ask(method, path, body, type);
    if (status >= 300) throw new Error(`${method} ${path}: ${status} ${JSON.stringify(answer)}`);
    return answer;
  }

  /** A kubeconfig that asks with a token. */
  kubeconfig(
    name: string,
    user: { readonly token: string } | { readonly tokenFile: string } = { token: ADMIN },
    url = this.url,
  ): string {
    const path = join(this.directory, `${name}.kubeconfig`);
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'c', cluster: { server: url, 'certificate-authority': this.ca } }],
      users: [{ name: 'u', user }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
      'current-context': 'x',
    };
    writeFileSync(path, JSON.stringify(config), { mode: 0o600 });
    return path;
  }

  /** A controller manager that gives Nodes their podCIDRs. Whoever starts it stops it. */
  controllerManager(clusterCidr: string, ...args: readonly string[]): ServerProcess {
    const process = new ServerProcess(join(SERVERS, 'kube-controller-manager'), [
      ...[`--kubeconfig=${this.kubeconfig('controller-manager')}`, '--leader-elect=false', '--secure-port=0'],
      ...['--allocate-node-cidrs=true', `--cluster-cidr=${clusterCidr}`, '--controllers=node-ipam-controller'],
      ...args,
    ]);
    process.start();
    return process;
  }

  /** Stops the API server, and starts it again. */
  async restartApi(): Promise<void> {
    await this.api.stop();
    this.#agent?.destroy();
    this.#agent = undefined;
    this.api.start();
    await this.ready();
  }

  /** A directory of its own below this server's. */
  folder(name: string): string {
    const path = join(this.directory, name);
    mkdirSync(path, { recursive: true });
    return path;
  }

  get etcdUrl(): string {
    return this.#etcdUrl;
  }

  private get agent(): Agent {
    if (this.#agent === undefined) throw new Error('no connection');
    return this.#agent;
  }

  async dispose(): Promise<void> {
    this.#agent?.destroy();
    await this.api.stop();
    await this.etcd.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }
}
