export { Agent } from './agent.js';
export type { AgentOptions, StateFile, SubnetFile } from './options.js';
export type { Plan } from './plan.js';
export type { HeldSubnet } from './left-peers.js';
export { makePlan } from './plan.js';
export type { FindPodInterfaces, PodInterface } from './pod-mtu.js';
export type { NotReadyReason, Readiness, ReadyCondition } from './readiness.js';
export { parseRecord } from './record.js';
export type { AgentPhase, AgentStatus, ApplyingConfiguration, PendingConfiguration } from './status.js';
