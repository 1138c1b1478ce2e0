import type { LabHost } from '../host/lab-host.js';

/** The kinds of store that a lab can run. */
export type StoreName = 'local' | 'etcd' | 'kube';

/** Where the agents of a lab keep their leases. */
export interface LabStore {
  readonly name: StoreName;
  /** The flags of overlayd by which a host's agent finds it, and the configuration. */
  agentArgs(host: LabHost): readonly string[];
  /** Variables that it needs for that. */
  agentEnv?(host: LabHost): Readonly<Record<string, string>>;
}
