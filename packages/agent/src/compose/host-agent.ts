import type { Address, BackendFactory, Lease, Logger, Metrics, PerFamily, SubnetManager } from '@overlay/core';
import { Agent, errorText, FAMILIES, makePlan } from '@overlay/core';
import { hostGw } from '@overlay/backend-host-gw';
import { udp } from '@overlay/backend-udp';
import { vxlan } from '@overlay/backend-vxlan';
import type { Linux } from '@overlay/linux';
import { openLinux } from '@overlay/linux';
import { of } from 'rxjs';
import type { ApplyOutcome } from '../control/protocol.js';
import { serveControl } from '../control/server.js';
import { FileRecord } from '../files/file-record.js';
import { formerRouteProtocols, noteRouteProtocol } from '../files/route-protocols-file.js';
import { ConfigurationsFile } from '../files/configurations-file.js';
import { SubnetEnvFile } from '../files/subnet-env-file.js';
import type { Settings } from '../flags/settings.js';
import type { MetricRegistry } from '../metrics/registry.js';
import type { MetricsServer } from '../metrics/server.js';
import type { Probe } from '../probe/probe.js';
import { listenHealth } from '../health/server.js';
import { storedHostId } from '../identity/host-id.js';
import type { LoadedBackendModule } from '../plug-ins/backend-modules.js';
import type { RunPaths } from '../run-directory/run-paths.js';
import { runPaths } from '../run-directory/run-paths.js';
import type { StartTimes } from '../start-times.js';
import { statePaths } from '../state-directory/state-paths.js';
import { followingConfig } from '../stores/following-config.js';
import type { Store } from '../stores/store.js';
import type { HostStreamOptions } from './host-stream.js';
import { hostStream, InterfaceNeed } from './host-stream.js';
import { askedInterfaceOptions } from './interface-options.js';
import { VERSION } from '../version.js';
import { KernelSettings } from './kernel-settings.js';
import { removeLeftPrograms } from './left-programs.js';
import { Reporter } from './reporter.js';

export interface HostAgentContext {
  readonly settings: Settings;
  readonly store: Store;
  /** What this host's command line or environment adds to the backends that come with the agent. */
  readonly backendModules: readonly LoadedBackendModule[];
  readonly logger: Logger;
  readonly times: StartTimes;
  readonly signal: AbortSignal;
}

/** The agent of this host with everything that belongs to it. */
export interface HostAgent {
  /** Resolves when it has stopped; rejects with what ended it. */
  readonly done: Promise<void>;
  /** Resolves when the host can carry traffic for the first time. */
  ready(options: { readonly signal: AbortSignal }): Promise<void>;
  /** Takes a configuration that is pending. Says in the log what came of it, and never rejects. */
  applyPending(): Promise<ApplyOutcome>;
  /** Ends everything but the packets. */
  close(): Promise<void>;
}

/**
 * Puts the agent together and starts it. This is the one place that knows all parts; plain code, because a container
 * takes longer to load than everything here takes to run.
 *
 * @throws OverlayError for what a person must mend: the configuration, a flag, the identity of the host, the health port.
 */
export async function startHostAgent(context: HostAgentContext): Promise<HostAgent> {
  const { settings, logger, signal } = context;
  const metrics = await servedMetrics(context);
  const linux = openLinux({
    instance: settings.instance,
    sysctls: settings.sysctls,
    routeMetrics: settings.routeMetrics,
    routeProtocol: settings.routeProtocol,
    formerRouteProtocols: recordedProtocols(settings, logger),
    logger,
    ...(metrics && { metrics: metrics.registry }),
  });
  const servers: { close(): void }[] = metrics === undefined ? [] : [metrics];
  try {
    const backends = await everyBackend(context, linux);
    // A backend that refuses its options does so before this host is given an identity.
    const { netConf } = context.store;
    if (netConf !== undefined) makePlan(backends, { netConf, hostId: settings.hostId ?? settings.instance });
    const kernel = new KernelSettings({ linux, backends, logger });
    const { instance } = settings;
    const program = { instance, pid: process.pid, version: VERSION, startedAt: Date.now() };
    const reporter = new Reporter({ program, kernel, linux });
    if (settings.health.port !== 0) {
      servers.push(
        await listenHealth({ ...settings.health, signal, answer: (path, asker) => reporter.http(path, asker) }),
      );
    }
    const hostId = settings.hostId ?? storedHostId(settings.stateDirectory, instance, logger);
    const paths = runPaths(settings.runDirectory, instance);
    try {
      servers.push(await serveControl({ path: paths.socket, answer: (request) => reporter.command(request) }));
    } catch (error) {
      // Packets do not need it.
      logger.warn(errorText(error));
    }
    return await start({ ...context, linux, backends, kernel, hostId, reporter, paths, servers, metrics });
  } catch (error) {
    for (const server of servers) server.close();
    await linux.close();
    throw error;
  }
}

/** Most hosts have none, and do not load them. */
async function servedMetrics({ settings, signal }: HostAgentContext): Promise<MetricsServer | undefined> {
  const { health, metricsPort } = settings;
  if (metricsPort === 0) return undefined;
  const { serveMetrics } = await import('../metrics/server.js');
  return serveMetrics({ address: health.address, port: metricsPort, signal });
}

/** The backends that come with this agent, then those that this host's command line or environment names. */
async function everyBackend({ backendModules }: HostAgentContext, linux: Linux): Promise<readonly BackendFactory[]> {
  const present = [vxlan({ linux }), hostGw({ linux }), udp({ linux })];
  if (backendModules.length === 0) return present;
  const { makeBackends } = await import('../plug-ins/backend-modules.js');
  return [...present, ...makeBackends(backendModules, { linux, present })];
}

interface Parts extends HostAgentContext {
  readonly linux: Linux;
  readonly backends: readonly BackendFactory[];
  readonly kernel: KernelSettings;
  readonly hostId: string;
  readonly reporter: Reporter;
  readonly paths: RunPaths;
  /** What answers questions. */
  readonly servers: readonly { close(): void }[];
  readonly metrics: MetricsServer | undefined;
}

/** The numbers by which routes of an earlier run are known; that they cannot be read keeps no agent from running. */
function recordedProtocols({ stateDirectory, instance }: Settings, logger: Logger): readonly number[] {
  try {
    return formerRouteProtocols(statePaths(stateDirectory, instance));
  } catch (error) {
    logger.warn(
      `the protocol numbers of earlier routes cannot be read, and their routes count as foreign: ${errorText(error)}`,
    );
    return [];
  }
}

async function start(parts: Parts): Promise<HostAgent> {
  const { settings, store, logger, times, linux, backends, kernel, hostId, reporter, paths, servers, metrics } = parts;
  const need = new InterfaceNeed((): boolean => agent.status().network !== undefined);
  const state = statePaths(settings.stateDirectory, settings.instance);
  try {
    noteRouteProtocol(state, settings.routeProtocol);
  } catch (error) {
    logger.warn(
      `the protocol number of routes is not on record, and overlay cleanup will not know them: ${errorText(error)}`,
    );
  }
  const remembered = await remembering(store, { hostId, path: state.leases, logger });
  const subnetManager = followingConfig(remembered, (event) => {
    if (event.type === 'config') logger.info(`Found network config - Backend type: ${event.netConf.backend.type}`);
    kernel.follow(event);
    need.follow(event);
  });
  const agent = new Agent({
    hostId,
    subnetManager,
    backends,
    host$: hostStream({
      need$: need.need$,
      interface$: interfaceOptions(parts, remembered),
      observe: (options) => linux.host$(options),
      logger,
    }),
    subnetFile: new SubnetEnvFile({
      path: settings.subnetFile,
      logger,
      record: new FileRecord(paths.subnetFileRecord),
    }),
    podInterfaces: (subnets, options) => linux.podInterfaces(subnets, options),
    stateFile: new ConfigurationsFile(state.configurations),
    holdMs: settings.doubtHoldMs,
    retireMs: settings.retireMs,
    applyChanges: settings.applyChanges,
    wrongConfig: store.wrongConfig,
    logger,
    metrics: gauges({ kernel, registry: metrics?.registry, readiness: () => reportReadiness() }),
  });
  const applyPending = async (): Promise<ApplyOutcome> => {
    const { pending, ownLease, readiness } = agent.status();
    const lost = ownLease !== undefined && readiness.reasons.some(({ condition }) => condition === 'lease');
    const changes = [
      ...(lost ? [`another lease in the place of ${leaseText(ownLease)}`] : []),
      ...(pending?.changes ?? []),
    ];
    try {
      if (await agent.applyPending()) return { outcome: 'taken', changes };
      logger.info('no configuration is pending');
      return { outcome: 'none' };
    } catch (error) {
      logger.error(`taking the pending configuration: ${errorText(error)}`);
      return { outcome: 'refused', reason: errorText(error) };
    }
  };
  let everReady = false;
  const reportReadiness = (): void => {
    const { phase, readiness } = agent.status();
    everReady ||= phase === 'ready';
    // What an agent leaves when it ends goes on carrying traffic.
    if (!everReady || (phase !== 'ready' && phase !== 'impaired')) return;
    store.reportReadiness?.(readiness.ready ? undefined : readiness.reasons.map(({ message }) => message).join('; '));
  };
  if (metrics !== undefined) {
    const { agentGauges } = await import('../metrics/agent-gauges.js');
    metrics.registry.beforeRead(() => agentGauges(agent.status(), metrics.registry));
  }
  let probe: Probe | undefined;
  reporter.follow({ agent, applyPending, reachability: () => probe?.report() });
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> =>
    (closed ??= (async () => {
      probe?.close();
      await agent.stop();
      await subnetManager.close();
      await linux.close();
      for (const server of servers) server.close();
    })());
  try {
    times.mark('agent made');
    await agent.start();
  } catch (error) {
    await close();
    throw error;
  }
  agent.ready({ signal: parts.signal }).then(
    async () => {
      const { probeRate } = settings;
      if (probeRate !== undefined) {
        const { startProbe } = await import('../probe/probe.js');
        if (closed === undefined) probe = startProbe({ rate: probeRate, peers: () => agent.peers(), logger });
      }
      await kernel.checkForwarding();
      if (closed === undefined) await removeLeftPrograms(agent, parts);
    },
    () => undefined,
  );
  return {
    done: agent.done,
    ready: (options) => agent.ready(options),
    applyPending,
    close,
  };
}

function leaseText({ subnets }: Lease): string {
  return FAMILIES.flatMap((family) => subnets[family] ?? []).join(' and ');
}

/** The store, remembered where it may be away. */
async function remembering(
  { subnetManager, remote }: Store,
  options: { readonly hostId: string; readonly path: string; readonly logger: Logger },
): Promise<SubnetManager> {
  if (remote === undefined) return subnetManager;
  const { rememberStore } = await import('../stores/remember-store.js');
  return rememberStore(subnetManager, { ...options, storeName: remote.name, subnetsFrom: remote.subnetsFrom });
}

/** By the flags, and by what somebody has set for this host in the store. */
function interfaceOptions(
  { settings, store, hostId, logger }: Parts,
  remembered: SubnetManager,
): HostStreamOptions['interface$'] {
  const given = settings.interface;
  const { hostAddresses: ask } = store;
  if (ask === undefined) return of({ options: given });
  const before = async (options: { readonly signal: AbortSignal }): Promise<PerFamily<Address> | undefined> => {
    const { ipv4, ipv6 } = (await remembered.previous(hostId, options))?.attributes ?? {};
    return ipv4 || ipv6 ? { ...(ipv4 && { ipv4: ipv4.publicIP }), ...(ipv6 && { ipv6: ipv6.publicIP }) } : undefined;
  };
  return askedInterfaceOptions({ given, ask, before, logger });
}

interface GaugeReaders {
  readonly kernel: KernelSettings;
  /** Where all of it is kept, if anybody may read it. */
  readonly registry: MetricRegistry | undefined;
  /** Told when the agent has become ready, or is so no longer. */
  readonly readiness: () => void;
}

/** What the agent measures anyway: whoever made room for peers, and whoever tells the store, hears of it here. */
function gauges({ kernel, registry, readiness }: GaugeReaders): Metrics {
  let wasReady: number | undefined;
  return {
    count: (...counted) => registry?.count(...counted),
    observe: (...observed) => registry?.observe(...observed),
    ...(registry && { beforeRead: (update: () => void) => registry.beforeRead(update) }),
    gauge: (name, value, labels) => {
      registry?.gauge(name, value, labels);
      if (name === 'peers') kernel.followPeers(value);
      if (name !== 'ready' || value === wasReady) return;
      wasReady = value;
      readiness();
    },
  };
}
