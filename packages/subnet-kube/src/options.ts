import process from 'node:process';
import type { Clock, ConfigEvent, Logger, NetConf } from '@overlay/core';
import { OverlayError, silentLogger, systemClock } from '@overlay/core';
import type { Observable } from 'rxjs';
import type { AccessOptions } from './api/access.js';
import { AnnotationNames } from './node/annotation-names.js';

/** Which Node this host is: by its name, or by a pod that runs on it, which is asked for once. */
export type OwnNode = { readonly name: string } | { readonly namespace: string; readonly pod: string };

/** What a {@link KubeSubnetManager} works with, whatever its configuration comes from. */
export interface KubeStoreOptions extends AccessOptions {
  readonly node: OwnNode;
  /**
   * What the names of all annotations begin with, `flannel.alpha.coreos.com` unless told: a domain, which is completed
   * with `/`, or a domain, `/` and a name, which is completed with `-`. Flannel's rules.
   */
  readonly annotationPrefix?: string;
  readonly clock?: Clock;
  readonly logger?: Logger;
  /**
   * Milliseconds until a question that the API server does not answer counts as lost, 10 s unless told. As long as answers
   * take longer, twice as long with each one, up to four times.
   */
  readonly timeoutMs?: number;
  /**
   * Milliseconds of silence after which the watch is begun again where it was; the API server has something to say about
   * every minute. 90 s unless told.
   */
  readonly silenceMs?: number;
  /**
   * The longest time, in milliseconds, that is waited by chance before all Nodes are read once more; few Nodes are waited
   * for shorter. 30 s unless told.
   */
  readonly spreadMs?: number;
}

/** {@link KubeStoreOptions} and the network's configuration: a fixed one, or one that follows a file. */
export type KubeSubnetManagerOptions = KubeStoreOptions &
  (
    | { readonly config$: Observable<ConfigEvent>; readonly netConf?: undefined }
    | { readonly netConf: NetConf; readonly config$?: undefined }
  );

/** The options with their defaults. */
export interface CompleteOptions {
  readonly node: OwnNode;
  readonly access: AccessOptions;
  readonly names: AnnotationNames;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly timeoutMs: number;
  readonly silenceMs: number;
  readonly spreadMs: number;
}

const NODE_NAME = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/;

/** @throws OverlayError `OVERLAY_OPTION_INVALID` with the `key` that is wrong */
export function completeOptions(options: KubeSubnetManagerOptions): CompleteOptions {
  const { node, apiUrl, kubeconfigFile, serviceAccountRoot, annotationPrefix = 'flannel.alpha.coreos.com' } = options;
  const { clock = systemClock, logger = silentLogger } = options;
  const { timeoutMs = 10_000, silenceMs = 90_000, spreadMs = 30_000 } = options;
  const named = 'name' in node ? [node.name] : [node.namespace, node.pod];
  if (!named.every((name) => NODE_NAME.test(name))) {
    throw invalid('node', 'the name of a Node, or the namespace and the name of a pod', node);
  }
  if (apiUrl !== undefined && !/^https?:\/\/[^/?#]+(?:\/[^?#]*)?$/.test(apiUrl)) {
    throw invalid('apiUrl', 'a URL such as https://192.0.2.1:6443', apiUrl);
  }
  const inCluster = apiUrl === undefined && kubeconfigFile === undefined;
  if (inCluster && !process.env['KUBERNETES_SERVICE_HOST']) {
    throw invalid(
      'kubeconfigFile',
      'a kubeconfig or the URL of the API server, since this is no pod of a cluster (no KUBERNETES_SERVICE_HOST)',
      kubeconfigFile,
    );
  }
  const names = AnnotationNames.parse(annotationPrefix);
  if (names === undefined) {
    throw invalid('annotationPrefix', 'a domain in lower case, at most one / and a name', annotationPrefix);
  }
  atLeast('timeoutMs', timeoutMs, 100);
  atLeast('silenceMs', silenceMs, 100);
  atLeast('spreadMs', spreadMs, 0);
  const access = {
    ...(apiUrl !== undefined && { apiUrl }),
    ...(kubeconfigFile !== undefined && { kubeconfigFile }),
    ...(serviceAccountRoot !== undefined && { serviceAccountRoot }),
  };
  return { node, access, names, clock, logger, timeoutMs, silenceMs, spreadMs };
}

function atLeast(key: string, value: number, least: number): void {
  if (!(Number.isFinite(value) && value >= least)) throw invalid(key, `a number of at least ${least}`, value);
}

function invalid(key: string, expected: string, got: unknown): OverlayError {
  const text = `KubeSubnetManager: ${key}: expected ${expected}, got ${JSON.stringify(got) ?? 'nothing'}`;
  return new OverlayError('OVERLAY_OPTION_INVALID', text, { key });
}
