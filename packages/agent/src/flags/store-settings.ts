import type { FlagValues } from './given-values.js';
import { shown, usageError } from './usage-error.js';

/** Leases in a directory. */
export interface LocalStoreSettings {
  readonly kind: 'local';
  readonly directory: string;
}

/** Leases in etcd. */
export interface EtcdStoreSettings {
  readonly kind: 'etcd';
  readonly endpoints: readonly string[];
  readonly prefix: string;
  /** Paths. */
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  readonly username?: string;
  /** The text, or the file that has it. */
  readonly password?: string | { readonly file: string };
}

/** Leases in the Nodes of Kubernetes. */
export interface KubeStoreSettings {
  readonly kind: 'kube';
  /** Neither this nor a kubeconfig: the service account of the pod. */
  readonly apiUrl?: string;
  /** A path. */
  readonly kubeconfigFile?: string;
  readonly annotationPrefix: string;
  /** This host's Node, or a pod on it. */
  readonly node: { readonly name: string } | { readonly namespace: string; readonly pod: string };
  /** Whether the Node's condition NetworkUnavailable is kept. */
  readonly setNetworkUnavailable: boolean;
}

/** Where leases are kept, and what has to be known to get at them. */
export type StoreSettings = LocalStoreSettings | EtcdStoreSettings | KubeStoreSettings;

/** Variables by their names. */
type Environment = Readonly<Record<string, string | undefined>>;

/** How long a lease lasts, and how long before its end it is renewed, in milliseconds. */
export interface LeaseTimes {
  readonly ttlMs: number;
  readonly renewMarginMs: number;
}

const MINUTE_MS = 60_000;
/** The least that etcd grants is a second or two more than its election timeout. */
const LEAST_TTL_MS = 5_000;

/**
 * etcd, unless a directory is named or Kubernetes is asked for.
 *
 * @throws OverlayError `OVERLAY_USAGE`
 */
export function readStore(values: FlagValues, env: Environment): StoreSettings {
  const directory = values.text('local-store');
  if (values.isOn('kube-subnet-mgr')) {
    if (directory === '') return kube(values, env);
    throw usageError('--kube-subnet-mgr: expected it without --local-store, got both', '--kube-subnet-mgr');
  }
  return directory === '' ? etcd(values) : { kind: 'local', directory };
}

/** @throws OverlayError `OVERLAY_USAGE` */
export function readLeaseTimes(values: FlagValues): LeaseTimes {
  const ttlMs = values.duration('subnet-lease-ttl');
  if (ttlMs < LEAST_TTL_MS) {
    const got = shown(values.text('subnet-lease-ttl'));
    throw usageError(`--subnet-lease-ttl: expected 5s or more, got ${got}`, '--subnet-lease-ttl');
  }
  const margin = values.integer('subnet-lease-renew-margin') * MINUTE_MS;
  if (margin < ttlMs) return { ttlMs, renewMarginMs: margin };
  if (!values.given('subnet-lease-renew-margin')) return { ttlMs, renewMarginMs: ttlMs / 2 };
  throw usageError(
    `--subnet-lease-renew-margin: expected less than --subnet-lease-ttl=${values.text('subnet-lease-ttl')}, ` +
      `got ${values.text('subnet-lease-renew-margin')} minutes`,
    '--subnet-lease-renew-margin',
  );
}

function etcd(values: FlagValues): EtcdStoreSettings {
  const [ca, cert, key] = ['etcd-cafile', 'etcd-certfile', 'etcd-keyfile'].map((name) => values.text(name));
  if ((cert === '') !== (key === '')) {
    const [there, missing] = cert === '' ? ['etcd-keyfile', 'etcd-certfile'] : ['etcd-certfile', 'etcd-keyfile'];
    throw usageError(`--${there}: expected --${missing} beside it, got none`, `--${there}`);
  }
  const username = values.text('etcd-username');
  const password = passwordOf(values);
  if (username !== '' && password === undefined) {
    throw usageError(
      '--etcd-username: expected --etcd-password-file or --etcd-password beside it, got neither',
      '--etcd-username',
    );
  }
  return {
    kind: 'etcd',
    endpoints: values
      .text('etcd-endpoints')
      .split(',')
      .map((endpoint) => endpoint.trim())
      .filter((endpoint) => endpoint !== ''),
    prefix: values.text('etcd-prefix'),
    tls: { ...(ca !== '' && { ca }), ...(cert !== '' && { cert, key }) },
    ...(username !== '' && password !== undefined && { username, password }),
  };
}

function kube(values: FlagValues, env: Environment): KubeStoreSettings {
  const { NODE_NAME: name = '', POD_NAME: pod = '', POD_NAMESPACE: namespace = '' } = env;
  if (name === '' && (pod === '' || namespace === '')) {
    throw usageError(
      '--kube-subnet-mgr: expected NODE_NAME, or POD_NAME and POD_NAMESPACE, in the environment, got neither',
      '--kube-subnet-mgr',
    );
  }
  const [apiUrl, kubeconfigFile] = [values.text('kube-api-url'), values.text('kubeconfig-file')];
  return {
    kind: 'kube',
    ...(apiUrl !== '' && { apiUrl }),
    ...(kubeconfigFile !== '' && { kubeconfigFile }),
    annotationPrefix: values.text('kube-annotation-prefix'),
    node: name === '' ? { namespace, pod } : { name },
    setNetworkUnavailable: values.isOn('set-node-network-unavailable'),
  };
}

function passwordOf(values: FlagValues): EtcdStoreSettings['password'] {
  const [password, file] = [values.text('etcd-password'), values.text('etcd-password-file')];
  if (password !== '' && file !== '') {
    throw usageError('--etcd-password-file: expected it without --etcd-password, got both', '--etcd-password-file');
  }
  if (file !== '') return { file };
  return password === '' ? undefined : password;
}
