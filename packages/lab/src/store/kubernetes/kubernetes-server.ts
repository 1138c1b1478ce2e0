import type { ChildProcess } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import type { NetConf } from '@overlay/core';
import { FAMILIES, OverlayError } from '@overlay/core';
import type { LabHost } from '../../host/lab-host.js';
import type { NetworkNode } from '../../host/network-node.js';
import type { Lab } from '../../lab.js';
import { poll } from '../../system/poll.js';
import { requireTools } from '../../system/requirements.js';
import type { LabStore } from '../lab-store.js';
import type { ApiAccess, ApiAnswer, ApiQuestion } from './api.js';
import { askApi, bodyOf } from './api.js';

/** How {@link KubernetesServer.start} goes about it. */
export interface KubernetesServerOptions {
  /** The folder with the programs kube-apiserver, kube-controller-manager and etcd. */
  readonly programs: string;
  /** The configuration of the network: its networks are what podCIDRs are taken from. */
  readonly netConf: NetConf;
  /** Its text, for the agents. */
  readonly netConfText: string;
  /** Whether kubelets make the Nodes. Without them the lab does. */
  readonly kubelets?: boolean;
  /** True: it goes on when this process ends. */
  readonly survivesLab?: boolean;
  readonly signal?: AbortSignal;
}

/** The programs of a control plane. */
export type ControlPlaneProgram = 'etcd' | 'kube-apiserver' | 'kube-controller-manager';

const PORT = 6443;
/** Of its etcd, which is for the API server alone. */
const ETCD_URL = 'http://127.0.0.1:2379';
const READY_MS = 60_000;
const ADMIN = 'lab-admin';
const AGENT = 'lab-agent';
/** The rights of flannel's manifest. */
const AGENT_RULES = [
  { apiGroups: [''], resources: ['pods'], verbs: ['get'] },
  { apiGroups: [''], resources: ['nodes'], verbs: ['get', 'list', 'watch'] },
  { apiGroups: [''], resources: ['nodes/status'], verbs: ['patch'] },
];
const SERVICES = { ipv4: '10.96.0.0/16', ipv6: 'fd00:10:96::/112' } as const;

/** A real Kubernetes control plane in the namespace for servers of a lab: etcd, API server, controller manager. */
export class KubernetesServer implements LabStore {
  readonly name = 'kube';
  /** The API server, as its clients name it. */
  readonly url: string;
  /** Everything of it: logs, certificates, data. */
  readonly directory: string;
  readonly #node: NetworkNode;
  readonly #options: KubernetesServerOptions;
  readonly #netConfFile: string;
  readonly #programs = new Map<ControlPlaneProgram, { readonly args: readonly string[]; child: ChildProcess }>();

  /**
   * Starts one and waits until it answers and knows every host as a Node, unless kubelets are to tell it.
   *
   * @throws OverlayError `OVERLAY_LAB_TOOL_MISSING` naming a program that is not in the folder, `OVERLAY_LAB_STORE`,
   *   `OVERLAY_ABORTED`.
   */
  static async start(lab: Lab, options: KubernetesServerOptions): Promise<KubernetesServer> {
    if (lab.server === undefined) throw new TypeError('lab: start Kubernetes: the lab was made without a server');
    const server = new KubernetesServer(lab, lab.server, options);
    await server.#start(lab.hosts);
    return server;
  }

  private constructor(lab: Lab, node: NetworkNode, options: KubernetesServerOptions) {
    const { ipv4, ipv6 } = node.addresses;
    this.url = `https://${ipv4 ?? `[${ipv6}]`}:${PORT}`;
    this.directory = path.join(lab.directory, 'kubernetes');
    this.#netConfFile = path.join(lab.directory, 'net-conf.json');
    this.#node = node;
    this.#options = options;
    mkdirSync(this.directory, { recursive: true });
    writeFileSync(this.#netConfFile, options.netConfText);
  }

  agentArgs(): readonly string[] {
    return [
      '--kube-subnet-mgr',
      `--kubeconfig-file=${this.kubeconfig('agent', AGENT)}`,
      `--net-config-path=${this.#netConfFile}`,
    ];
  }

  agentEnv(host: LabHost): Readonly<Record<string, string>> {
    return { NODE_NAME: host.name };
  }

  /** Asks as the administrator. */
  async ask(questions: readonly ApiQuestion[]): Promise<readonly ApiAnswer[]> {
    return await askApi(this.#node, this.#access, questions, this.#options.signal);
  }

  /** Asks one question as the administrator. @throws OverlayError `OVERLAY_LAB_STORE` when it is refused */
  async do<T>(question: ApiQuestion): Promise<T> {
    const [answer = { status: 0, body: 'no answer' }] = await this.ask([question]);
    return bodyOf<T>(question, answer);
  }

  /** The file with which a user asks. */
  kubeconfig(name: string, token: string): string {
    const file = path.join(this.directory, `${name}.kubeconfig`);
    if (existsSync(file)) return file;
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'lab', cluster: { server: this.url, 'certificate-authority': this.#access.caFile } }],
      users: [{ name, user: { token } }],
      contexts: [{ name: 'lab', context: { cluster: 'lab', user: name } }],
      'current-context': 'lab',
    };
    writeFileSync(file, JSON.stringify(config), { mode: 0o600 });
    return file;
  }

  /** Lets this process end while the servers run. */
  release(): void {
    for (const { child } of this.#programs.values()) child.unref();
  }

  /** Kills one of its programs. What it has to remember is in the lab's folder. */
  async stop(name: ControlPlaneProgram): Promise<void> {
    const child = this.#programs.get(name)?.child;
    if (child === undefined || hasEnded(child)) return;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGKILL');
    await ended;
  }

  /** Starts one again that was stopped, and waits until the API server answers. @throws as the static method */
  async restart(name: ControlPlaneProgram): Promise<void> {
    await this.stop(name);
    const { args } = this.#programs.get(name) ?? { args: [] };
    this.#run(name, args);
    if (name === 'kube-apiserver') await this.#answers();
  }

  /** Runs Debian's `etcdctl` on its etcd, and gives what it prints. @throws OverlayError `OVERLAY_LAB_COMMAND` */
  async etcdctl(args: readonly string[]): Promise<string> {
    requireTools(['etcdctl']);
    const argv = ['etcdctl', '--command-timeout=4s', '--dial-timeout=2s', `--endpoints=${ETCD_URL}`, ...args];
    const { stdout } = await this.#node.exec(argv, { env: { ...process.env, ETCDCTL_API: '3' } });
    return stdout;
  }

  /** Copies what its etcd has written into a folder, as it is at one moment. */
  backup(folder: string): void {
    const etcd = this.#programs.get('etcd')?.child;
    // It writes so that whatever a crash leaves is whole; stopped, it leaves just that.
    etcd?.kill('SIGSTOP');
    try {
      cpSync(this.#etcdDirectory, folder, { recursive: true });
    } finally {
      etcd?.kill('SIGCONT');
    }
  }

  /** Ends etcd and the API server and starts them with what a backup holds: all versions go back. @throws OverlayError */
  async restore(folder: string): Promise<void> {
    await this.stop('kube-apiserver');
    await this.stop('etcd');
    rmSync(this.#etcdDirectory, { recursive: true, force: true });
    cpSync(folder, this.#etcdDirectory, { recursive: true });
    await this.restart('etcd');
    await this.restart('kube-apiserver');
  }

  get #etcdDirectory(): string {
    return path.join(this.directory, 'etcd');
  }

  get #access(): ApiAccess {
    return { url: this.url, caFile: path.join(this.directory, 'certificates', 'apiserver.crt'), token: ADMIN };
  }

  async #start(hosts: readonly LabHost[]): Promise<void> {
    const { netConf, kubelets = false } = this.#options;
    const families = FAMILIES.filter((family) => netConf[family] !== undefined);
    this.#run('etcd', [
      ...['--data-dir', this.#etcdDirectory, '--unsafe-no-fsync', '--log-level=error'],
      ...['--listen-client-urls', ETCD_URL, '--advertise-client-urls', ETCD_URL],
    ]);
    const { ipv4, ipv6 } = this.#node.addresses;
    const key = this.#file('service-accounts.key', newKey());
    const address = ipv4 ?? ipv6;
    const tokens = [`${ADMIN},admin,admin,"system:masters"`, `${AGENT},agent,agent`, ...hosts.map(nodeToken)];
    this.#run('kube-apiserver', [
      ...[`--etcd-servers=${ETCD_URL}`, `--cert-dir=${path.join(this.directory, 'certificates')}`],
      ...[`--service-account-key-file=${key}`, `--service-account-signing-key-file=${key}`],
      '--service-account-issuer=https://kubernetes.default.svc',
      `--token-auth-file=${this.#file('tokens.csv', `${tokens.join('\n')}\n`)}`,
      ...['--authorization-mode=Node,RBAC', '--allow-privileged=true'],
      // The first family has to be that of the address.
      `--service-cluster-ip-range=${families.map((family) => SERVICES[family]).join(',')}`,
      ...[`--secure-port=${PORT}`, `--bind-address=${address}`, `--advertise-address=${address}`],
      ...['--endpoint-reconciler-type=none', '--shutdown-delay-duration=0s'],
    ]);
    await this.#answers();
    const controllers = ['node-ipam-controller', ...(kubelets ? ['serviceaccount-controller'] : [])];
    this.#run('kube-controller-manager', [
      ...[`--kubeconfig=${this.kubeconfig('controller-manager', ADMIN)}`, '--leader-elect=false', '--secure-port=0'],
      ...['--allocate-node-cidrs=true', `--controllers=${controllers.join(',')}`],
      `--cluster-cidr=${families.map((family) => netConf[family]?.network ?? '').join(',')}`,
    ]);
    const role = { apiVersion: 'rbac.authorization.k8s.io/v1', metadata: { name: 'overlay' } };
    const roles = '/apis/rbac.authorization.k8s.io/v1/clusterrole';
    const subjects = [{ kind: 'User', name: 'agent', apiGroup: 'rbac.authorization.k8s.io' }];
    const roleRef = { kind: 'ClusterRole', name: 'overlay', apiGroup: 'rbac.authorization.k8s.io' };
    const questions: ApiQuestion[] = [
      { method: 'POST', path: `${roles}s`, body: { ...role, kind: 'ClusterRole', rules: AGENT_RULES } },
      { method: 'POST', path: `${roles}bindings`, body: { ...role, kind: 'ClusterRoleBinding', roleRef, subjects } },
      ...(kubelets ? [] : hosts.map(newNode)),
    ];
    const answers = await this.ask(questions);
    answers.forEach((answer, at) => bodyOf(questions[at], answer));
  }

  async #answers(): Promise<void> {
    const { signal } = this.#options;
    const needed = ['etcd', 'kube-apiserver'] as const;
    const ended = (): string | undefined =>
      needed.find((name) => {
        const child = this.#programs.get(name)?.child;
        return child !== undefined && hasEnded(child);
      });
    const isReady = async (): Promise<boolean> => {
      if (!existsSync(this.#access.caFile)) return false;
      const [answer] = await this.ask([{ method: 'GET', path: '/readyz' }]);
      return answer?.status === 200;
    };
    const ready = await poll(async () => ended() !== undefined || (await isReady()), {
      timeoutMs: READY_MS,
      intervalMs: 100,
      ...(signal && { signal }),
    });
    if (ready && ended() === undefined) return;
    const log = path.join(this.directory, 'kube-apiserver.log');
    const words = existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n').slice(-3).join(' | ') : '';
    throw new OverlayError(
      'OVERLAY_LAB_STORE',
      `lab: start kube-apiserver: it does not get ready; see ${log}: ${words}`,
    );
  }

  #run(name: ControlPlaneProgram, args: readonly string[]): void {
    const program = path.join(this.#options.programs, name);
    if (!existsSync(program)) {
      throw new OverlayError(
        'OVERLAY_LAB_TOOL_MISSING',
        `lab: ${program} not found: build it with scripts/kubernetes/build.mjs of the repository, or run the lab by npm run lab`,
      );
    }
    const { survivesLab } = this.#options;
    const logFile = path.join(this.directory, `${name}.log`);
    const child = this.#node.spawn([program, ...args], { logFile, ...(survivesLab && { survivesLab }) });
    this.#programs.set(name, { args, child });
  }

  #file(name: string, text: string): string {
    const file = path.join(this.directory, name);
    writeFileSync(file, text, { mode: 0o600 });
    return file;
  }
}

/** The token with which a host's kubelet asks. */
export function kubeletToken(host: LabHost): string {
  return `lab-kubelet-${host.name}`;
}

function nodeToken(host: LabHost): string {
  return `${kubeletToken(host)},system:node:${host.name},${host.name},"system:nodes"`;
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

function newNode({ name }: LabHost): ApiQuestion {
  return { method: 'POST', path: '/api/v1/nodes', body: { apiVersion: 'v1', kind: 'Node', metadata: { name } } };
}

function newKey(): string {
  return generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  }).privateKey;
}
