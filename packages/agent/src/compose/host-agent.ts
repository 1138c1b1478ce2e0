import type { Logger, Metrics, NetConf } from '@overlay/core';
import { Agent, errorText, makePlan, noMetrics } from '@overlay/core';
import { hostGw } from '@overlay/backend-host-gw';
import { vxlan } from '@overlay/backend-vxlan';
import type { Linux } from '@overlay/linux';
import { openLinux } from '@overlay/linux';
import { fileConfig, LocalSubnetManager } from '@overlay/subnet-local';
import { tap } from 'rxjs';
import { SubnetEnvFile } from '../files/subnet-env-file.js';
import type { Settings } from '../flags/settings.js';
import type { Answer } from '../health/answers.js';
import { healthz, readyz, statusAnswer } from '../health/answers.js';
import type { HealthServer } from '../health/server.js';
import { listenHealth } from '../health/server.js';
import { storedHostId } from '../identity/host-id.js';
import type { StartTimes } from '../start-times.js';
import { hostStream, InterfaceNeed } from './host-stream.js';
import { KernelSettings } from './kernel-settings.js';

export interface HostAgentContext {
  readonly settings: Settings;
  /** The configuration as it was read first. */
  readonly netConf: NetConf;
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
  /** Takes a configuration that is pending. */
  applyPending(): Promise<void>;
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
  const linux = openLinux({
    instance: settings.instance,
    sysctls: settings.sysctls,
    routeMetrics: settings.routeMetrics,
    logger,
  });
  let health: HealthServer | undefined;
  try {
    const backends = [vxlan({ linux }), hostGw({ linux })];
    // A backend that refuses its options does so before this host is given an identity.
    makePlan(backends, { netConf: context.netConf, hostId: settings.hostId ?? settings.instance });
    const kernel = new KernelSettings({ linux, backends, logger });
    const agentOf: { agent?: Agent } = {};
    if (settings.health.port !== 0) {
      health = await listenHealth({
        ...settings.health,
        signal,
        answer: (path) => answer(path, agentOf.agent, kernel),
      });
    }
    const hostId = settings.hostId ?? storedHostId(settings.stateDirectory, settings.instance, logger);
    return await start({ ...context, linux, backends, kernel, hostId, agentOf, health });
  } catch (error) {
    health?.close();
    await linux.close();
    throw error;
  }
}

interface Parts extends HostAgentContext {
  readonly linux: Linux;
  readonly backends: readonly ReturnType<typeof vxlan>[];
  readonly kernel: KernelSettings;
  readonly hostId: string;
  /** Where whoever answers health checks finds the agent. */
  readonly agentOf: { agent?: Agent };
  readonly health: HealthServer | undefined;
}

async function start(parts: Parts): Promise<HostAgent> {
  const { settings, logger, times, linux, backends, kernel, hostId, agentOf, health } = parts;
  const need = new InterfaceNeed(settings.applyChanges);
  const subnetManager = new LocalSubnetManager({
    directory: settings.localStore,
    renewMarginMs: settings.renewMarginMs,
    logger,
    config$: fileConfig(settings.netConfigPath).pipe(
      tap((event) => {
        if (event.type === 'config') logger.info(`Found network config - Backend type: ${event.netConf.backend.type}`);
        kernel.follow(event);
        need.follow(event);
      }),
    ),
  });
  const agent = new Agent({
    hostId,
    subnetManager,
    backends,
    host$: hostStream({
      need$: need.need$,
      interface: settings.interface,
      observe: (options) => linux.host$(options),
      logger,
    }),
    subnetFile: new SubnetEnvFile({ path: settings.subnetFile, logger }),
    holdMs: settings.doubtHoldMs,
    applyChanges: settings.applyChanges,
    wrongConfig: 'fatal',
    logger,
    metrics: peersGauge(kernel),
  });
  agentOf.agent = agent;
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> =>
    (closed ??= (async () => {
      await agent.stop();
      await subnetManager.close();
      await linux.close();
      health?.close();
    })());
  try {
    times.mark('agent made');
    await agent.start();
  } catch (error) {
    await close();
    throw error;
  }
  agent.ready({ signal: parts.signal }).then(
    () => kernel.checkForwarding(),
    () => undefined,
  );
  return {
    done: agent.done,
    ready: (options) => agent.ready(options),
    applyPending: async () => {
      need.takeLatest();
      try {
        if (!(await agent.applyPending())) logger.info('no configuration is pending');
      } catch (error) {
        logger.error(`taking the pending configuration: ${errorText(error)}`);
      }
    },
    close,
  };
}

async function answer(path: string, agent: Agent | undefined, kernel: KernelSettings): Promise<Answer | undefined> {
  if (path === '/healthz') return healthz();
  if (path !== '/readyz' && path !== '/status') return undefined;
  await kernel.refresh();
  return path === '/readyz' ? readyz(agent?.status(), kernel.findings) : statusAnswer(agent?.status(), kernel.findings);
}

/** The agent counts its peers anyway; whoever made room for them hears of it here. */
function peersGauge(kernel: KernelSettings): Metrics {
  return {
    ...noMetrics,
    gauge: (name, value) => {
      if (name === 'peers') kernel.followPeers(value);
    },
  };
}
