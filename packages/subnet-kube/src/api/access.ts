import type { HttpMethod, KubeConfig, RequestContext } from '@kubernetes/client-node';
import { errorText, OverlayError } from '@overlay/core';
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type * as ClientNodeNames from './client-node.js';

/** How the API server is found, and who asks it. In a pod, with neither URL nor kubeconfig, its service account does. */
export interface AccessOptions {
  /** Takes the place of the kubeconfig's; without a kubeconfig, asked as nobody in particular. */
  readonly apiUrl?: string;
  readonly kubeconfigFile?: string;
  /** Stands before `/var/run/secrets/kubernetes.io/serviceaccount`. Empty unless told. */
  readonly serviceAccountRoot?: string;
}

/** What of @kubernetes/client-node is used. Loading it takes time and memory, so only who needs it does. */
export type ClientNode = typeof ClientNodeNames;

/** Questions that carry what proves who asks: the work of @kubernetes/client-node. */
export class Access {
  readonly #options: AccessOptions;
  #client: Promise<ClientNode> | undefined;
  #config: Promise<KubeConfig> | undefined;
  /** The last one that could be read: a file is replaced in two steps by some. */
  #good: KubeConfig | undefined;
  #server: string | undefined;

  constructor(options: AccessOptions) {
    this.#options = options;
  }

  /** The API server, for messages. */
  get server(): string {
    return this.#server ?? this.#options.apiUrl ?? 'an address not known yet';
  }

  client(): Promise<ClientNode> {
    this.#client ??= import('./client-node.js');
    return this.#client;
  }

  /**
   * A question, complete but for its body.
   *
   * @param path with the query, after the server's URL
   * @throws OverlayError `OVERLAY_CONFIG_INVALID` when the kubeconfig cannot be used
   */
  async question(method: keyof typeof HttpMethod, path: string): Promise<RequestContext> {
    const [{ HttpMethod: methods, RequestContext: Context }, config] = await Promise.all([this.client(), this.#load()]);
    const server = config.getCurrentCluster()?.server.replace(/\/+$/, '') ?? '';
    this.#server = server;
    const context = new Context(server + path, methods[method]);
    await config.applySecurityAuthentication(context);
    return context;
  }

  /** Has everything read again with the next question: tokens and certificates are replaced now and then. */
  forget(): void {
    this.#config = undefined;
  }

  #load(): Promise<KubeConfig> {
    this.#config ??= this.#read().then(
      (config) => (this.#good = config),
      (error: unknown) => {
        this.#config = undefined;
        if (this.#good !== undefined) return this.#good;
        throw error;
      },
    );
    return this.#config;
  }

  async #read(): Promise<KubeConfig> {
    const { apiUrl, kubeconfigFile, serviceAccountRoot = '' } = this.#options;
    const { KubeConfig, loadYaml } = await this.client();
    const config = new KubeConfig();
    if (kubeconfigFile !== undefined) {
      try {
        config.loadFromFile(kubeconfigFile);
        followTokenFiles(config, loadYaml<Kubeconfig>(await readFile(kubeconfigFile, 'utf8')), kubeconfigFile);
      } catch (error) {
        throw invalid(kubeconfigFile, errorText(error).split('\n')[0] ?? '', error);
      }
      const cluster = config.getCurrentCluster();
      if (cluster === null) throw invalid(kubeconfigFile, 'its current context names no cluster');
      if (apiUrl !== undefined) config.clusters = config.clusters.map((each) => ({ ...each, server: apiUrl }));
    } else if (apiUrl !== undefined) {
      // Whoever names a URL without TLS means it.
      const skipTLSVerify = apiUrl.startsWith('http:');
      config.loadFromClusterAndUser({ name: 'given', server: apiUrl, skipTLSVerify }, { name: 'nobody' });
    } else {
      config.loadFromCluster(serviceAccountRoot);
    }
    return config;
  }
}

interface Kubeconfig {
  readonly users?: readonly { readonly name?: string; readonly user?: { readonly tokenFile?: unknown } }[] | null;
}

/** A file with a token, which kubectl knows as `tokenFile` and client-node only as a means of service accounts. */
function followTokenFiles(config: KubeConfig, text: Kubeconfig, file: string): void {
  for (const { name, user } of text.users ?? []) {
    const tokenFile = user?.tokenFile;
    if (typeof tokenFile !== 'string') continue;
    const authProvider = { name: 'tokenFile', config: { tokenFile: resolve(dirname(file), tokenFile) } };
    config.users = config.users.map((each) => (each.name === name ? { ...each, authProvider } : each));
  }
}

function invalid(file: string, why: string, cause?: unknown): OverlayError {
  return new OverlayError('OVERLAY_CONFIG_INVALID', `kubeconfig ${file} cannot be used: ${why}`, {
    key: '--kubeconfig-file',
    cause,
  });
}
