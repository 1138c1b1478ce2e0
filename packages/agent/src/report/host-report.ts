import type { AgentStatus, Finding } from '@overlay/core';
import type { Reachability } from '@overlay/core/reachability';

/** The program that an agent runs in. */
export interface AgentProgram {
  readonly instance: string;
  /** In its own pid namespace. */
  readonly pid: number;
  readonly version: string;
  /** Milliseconds since the Unix epoch. */
  readonly startedAt: number;
}

/** Everything that an agent tells of itself. Without `status` it is only just starting. */
export interface HostReport {
  readonly program: AgentProgram;
  readonly status?: AgentStatus;
  /** Which peers answer; absent where they are not probed. */
  readonly reachability?: Reachability;
  /** What is wrong with the settings of the whole host. */
  readonly findings: readonly Finding[];
  /** Messages that changed the kernel since the start; none after a restart that found everything in place. */
  readonly kernelWrites: number;
}

/** A report as JSON has it: the status with everything else beside its members. */
export type FlatReport = {
  readonly phase: string;
  readonly kernelWrites: number;
  readonly program: AgentProgram;
  readonly reachability?: Reachability;
} & Partial<AgentStatus>;

/** The JSON text of a report, less the text values of backend options: they may be secret. */
export function reportJson(report: HostReport, indent?: number): string {
  const { program, status, reachability, findings, kernelWrites } = report;
  const flat: FlatReport =
    status === undefined
      ? { phase: 'idle', findings, kernelWrites, program }
      : { ...status, findings: [...findings, ...status.findings], kernelWrites, program, reachability };
  return JSON.stringify(flat, withoutSecrets, indent);
}

/** A replacer for JSON.stringify. Only a backend's configuration has a member `options`. */
function withoutSecrets(name: string, value: unknown): unknown {
  if (name !== 'options' || typeof value !== 'object' || value === null) return value;
  const simple = (option: unknown): boolean => typeof option === 'number' || typeof option === 'boolean';
  return Object.fromEntries(Object.entries(value).map(([key, option]) => [key, simple(option) ? option : '(text)']));
}
