import type { ChildProcess } from 'node:child_process';
import path from 'node:path';
import type { NetworkNode } from '../host/network-node.js';
import { poll } from '../system/poll.js';

/** Files with which etcd serves TLS. Clients have to show a certificate of the same authority; `etcdctl` shows this one. */
export interface EtcdTls {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** One etcd of a cluster. */
export interface EtcdMember {
  readonly name: string;
  readonly url: string;
  readonly dataDirectory: string;
  readonly args: readonly string[];
  child: ChildProcess | undefined;
}

const CLIENT_PORT = 2379;
const PEER_PORT = 2380;
/** From one member's ports to the next one's. */
const NEXT_MEMBER = 10;
/** For an etcd to end after SIGTERM, in milliseconds. */
const GRACE_MS = 5_000;

/** The members of a cluster as they are to be started, of which the first is called `lab` when it is alone. */
export function planMembers(
  node: NetworkNode,
  directory: string,
  options: { readonly members?: number; readonly tls?: EtcdTls; readonly args?: readonly string[] },
): readonly [EtcdMember, ...EtcdMember[]] {
  const { members = 1, tls, args = [] } = options;
  const { ipv4, ipv6 } = node.addresses;
  const host = ipv4 ?? `[${ipv6}]`;
  const peer = (at: number): string => `http://localhost:${PEER_PORT + NEXT_MEMBER * at}`;
  const name = (at: number): string => (members === 1 ? 'lab' : `lab${at}`);
  const indexes = Array.from({ length: members }, (_, at) => at);
  const cluster = indexes.map((at) => `${name(at)}=${peer(at)}`).join(',');
  const secure =
    tls === undefined
      ? []
      : ['--cert-file', tls.cert, '--key-file', tls.key, '--client-cert-auth', '--trusted-ca-file', tls.ca];
  const plan = (at: number): EtcdMember => {
    const url = `${tls === undefined ? 'http' : 'https'}://${host}:${CLIENT_PORT + NEXT_MEMBER * at}`;
    const dataDirectory = path.join(directory, members === 1 ? 'etcd' : `etcd-${name(at)}`);
    const own = [
      ...['--name', name(at), '--data-dir', dataDirectory],
      ...['--listen-client-urls', url, '--advertise-client-urls', url],
      ...['--listen-peer-urls', peer(at), '--initial-advertise-peer-urls', peer(at), '--initial-cluster', cluster],
      ...['--unsafe-no-fsync', '--logger=zap', '--log-outputs=stderr', '--log-level=warn'],
    ];
    return { name: name(at), url, dataDirectory, args: [...own, ...secure, ...args], child: undefined };
  };
  return [plan(0), ...indexes.slice(1).map(plan)];
}

/** Ends one, and waits until it has ended. */
export async function endMember(member: EtcdMember, signal: NodeJS.Signals): Promise<void> {
  const { child } = member;
  member.child = undefined;
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  child.kill(signal);
  if (!(await poll(() => child.exitCode !== null || child.signalCode !== null, { timeoutMs: GRACE_MS })))
    child.kill('SIGKILL');
  await ended;
}
