export type { LabOptions, Underlay } from './plan/options.js';
export type { HostPlan, MachinePlan, SegmentPlan, Topology } from './plan/topology.js';
export type { PodNetwork } from './plan/pods.js';
export type { RunOptions, RunResult } from './system/run.js';

export type { Lab } from './lab.js';
export { createLab } from './lab.js';
export type { LabState } from './lifetime/lab-state.js';
export type { RemovedLabs } from './lifetime/remove-lab.js';
export { removeDeadLabs, removeLabs } from './lifetime/remove-lab.js';

export type { NetworkNode, SpawnOptions } from './host/network-node.js';
export type { AgentOptions, LabHost, LabPod } from './host/lab-host.js';
export type { AgentCommand, AgentExit, AgentProcess } from './agent/agent-process.js';
export type { HealthAnswer } from './agent/health.js';
export type { ReadyHost } from './agent/ready.js';

export { Certificates } from './store/certificates.js';
export type { EtcdTls } from './store/etcd-members.js';
export type { EtcdServerOptions, StoredKey } from './store/etcd-server.js';
export { ETCD_PREFIX, EtcdServer } from './store/etcd-server.js';
export type { ApiAnswer, ApiQuestion } from './store/kubernetes/api.js';
export type { ControlPlaneProgram, KubernetesServerOptions } from './store/kubernetes/kubernetes-server.js';
export { KubernetesServer } from './store/kubernetes/kubernetes-server.js';
export type { LabStore, StoreName } from './store/lab-store.js';
export { LocalFolder } from './store/local-folder.js';

export type { PingOptions, PingResult } from './measure/ping.js';
export { requirePrivileges, requireTools } from './system/requirements.js';
export { ping } from './measure/ping.js';
export type { PairKind, PairResult, PingPair } from './measure/ping-matrix.js';
export { cameBack } from './measure/ping-matrix.js';
export type { Throughput, ThroughputOptions } from './measure/throughput.js';
export type { Capture } from './measure/capture.js';

export type { LabIo } from './command/lab-io.js';
export { labCommand } from './command/lab-command.js';
export type { FamilyChoice } from './command/arguments.js';
export type { HostReport, LabReport, PingReport, PodReport, ThroughputReport } from './command/report.js';
