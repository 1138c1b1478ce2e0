import { readFileSync, statSync } from 'node:fs';
import type { PerFamily, Prefix } from '@overlay/core';
import { errorCode, FAMILIES, OverlayError, parseSubnetEnv } from '@overlay/core';
import type { NetworkNode } from '../host/network-node.js';
import type { PodNetwork } from '../plan/pods.js';
import { poll } from '../system/poll.js';
import type { AgentProcess } from './agent-process.js';
import type { HealthAnswer } from './health.js';
import { health } from './health.js';

/** A host whose agent is ready. */
export interface ReadyHost extends PodNetwork {
  /** From the start of the agent's process to the writing of subnet.env, in milliseconds. */
  readonly subnetEnvMs: number;
  /** What `/readyz` said; absent when the agent does not answer it. */
  readonly readyz?: HealthAnswer;
}

/**
 * A host's `subnet.env`, as far as its pods need it; undefined while there is none.
 *
 * @throws OverlayError `OVERLAY_LAB_SUBNET_ENV` when there is one without an MTU or a subnet.
 */
export function readPodNetwork(file: string): PodNetwork | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  const read = parseSubnetEnv(text);
  const subnets: { -readonly [F in keyof PerFamily<Prefix>]: Prefix } = {};
  const networks: { -readonly [F in keyof PerFamily<Prefix>]: readonly Prefix[] } = {};
  for (const family of FAMILIES) {
    const part = read[family];
    if (part?.subnet === undefined) continue;
    subnets[family] = part.subnet;
    networks[family] = part.networks;
  }
  if (read.mtu === undefined || Object.keys(subnets).length === 0) {
    const why = read.problems.join('; ') || 'no FLANNEL_MTU or no FLANNEL_SUBNET in it';
    throw new OverlayError('OVERLAY_LAB_SUBNET_ENV', `lab: read ${file}: ${why}`);
  }
  return { subnets, networks, mtu: read.mtu };
}

/**
 * Waits until a host's agent has written `subnet.env` and, where it answers it, `/readyz` says 200.
 *
 * @param options.mayAsk when to begin asking `/readyz`. Each question starts a program, which takes its time from agents
 * that are still starting.
 * @throws OverlayError `OVERLAY_LAB_AGENT_EXITED` as soon as the agent has ended, `OVERLAY_LAB_NOT_READY` with the
 * agent's own reason when the time is up, `OVERLAY_LAB_SUBNET_ENV`, `OVERLAY_ABORTED`.
 */
export async function waitAgentReady(
  node: NetworkNode,
  agent: AgentProcess,
  options: { timeoutMs: number; signal?: AbortSignal; mayAsk?: () => boolean },
): Promise<ReadyHost> {
  const { subnetFile, healthPort } = agent.command;
  const { timeoutMs, signal, mayAsk = (): boolean => true } = options;
  let network: PodNetwork | undefined;
  let readyz: HealthAnswer | undefined;
  const ready = await poll(
    async () => {
      const ended = agent.exitError();
      if (ended !== undefined) throw ended;
      network ??= readPodNetwork(subnetFile);
      if (network === undefined) return false;
      if (healthPort === undefined) return true;
      if (!mayAsk()) return false;
      readyz = await health(node, healthPort, '/readyz', { signal });
      return readyz.status === 200;
    },
    { timeoutMs, signal },
  );
  if (!ready || network === undefined) {
    if (healthPort !== undefined) readyz ??= await health(node, healthPort, '/readyz', { signal });
    const file = network === undefined ? `${subnetFile} was not written` : `${subnetFile} is there`;
    const said = readyz === undefined ? '' : `; /readyz: ${readyz.status} ${readyz.body.trim()}`;
    throw new OverlayError(
      'OVERLAY_LAB_NOT_READY',
      `agent on ${node.name}: not ready after ${timeoutMs} ms: ${file}${said}`,
    );
  }
  return { ...network, subnetEnvMs: Math.max(0, statSync(subnetFile).mtimeMs - agent.startedAt), readyz };
}
