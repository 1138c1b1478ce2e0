import type { ChildProcess } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { NetConf } from '@overlay/core';
import { FAMILIES, OverlayError } from '@overlay/core';
import type { LabHost } from '../../host/lab-host.js';
import type { NetworkNode } from '../../host/network-node.js';
import type { Lab } from '../../lab.js';
import { poll } from '../../system/poll.js';
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

const PORT = 6443;
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
  readonly #programs: ChildProcess[] = [];

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
    for (const child of this.#programs) child.unref();
  }

  get #access(): ApiAccess {
    return { url: this.url, caFile: path.join(this.directory, 'certificates', 'apiserver.crt'), token: ADMIN };
  }

  async #start(hosts: readonly LabHost[]): Promise<void> {
    const { netConf, kubelets = false } = this.#options;
    const families = FAMILIES.filter((family) => netConf[family] !== undefined);
    const etcdUrl = 'http://127.0.0.1:2379';
    this.#run('etcd', [
      ...['--data-dir', path.join(this.directory, 'etcd'), '--unsafe-no-fsync', '--log-level=error'],
      ...['--listen-client-urls', etcdUrl, '--advertise-client-urls', etcdUrl],
    ]);
    const { ipv4, ipv6 } = this.#node.addresses;
    const key = this.#file('service-accounts.key', newKey());
    const address = ipv4 ?? ipv6;
    const tokens = [`${ADMIN},admin,admin,"system:masters"`, `${AGENT},agent,agent`, ...hosts.map(nodeToken)];
    this.#run('kube-apiserver', [
      ...[`--etcd-servers=${etcdUrl}`, `--cert-dir=${path.join(this.directory, 'certificates')}`],
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
    const ended = (): ChildProcess | undefined => this.#programs.find(({ exitCode }) => exitCode !== null);
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

  #run(name: string, args: readonly string[]): void {
    const program = path.join(this.#options.programs, name);
    if (!existsSync(program)) {
      throw new OverlayError(
        'OVERLAY_LAB_TOOL_MISSING',
        `lab: ${program} not found: build it with scripts/kubernetes/build.mjs of the repository, or run the lab by npm run lab`,
      );
    }
    const { survivesLab } = this.#options;
    const logFile = path.join(this.directory, `${name}.log`);
    this.#programs.push(this.#node.spawn([program, ...args], { logFile, ...(survivesLab && { survivesLab }) }));
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
