import type { ProcFiles } from '../proc/files.js';
import { ownProcFiles } from '../proc/files.js';
import { Sysctl } from '../sysctl/sysctl.js';
import type { RunTool } from './run-tool.js';
import { runTool } from './run-tool.js';

/** With what the checks look at the host. They change nothing, so they may all run at once. */
export interface PreflightContext {
  readonly signal: AbortSignal;
  /** The network namespace's own files unless told. */
  readonly files?: ProcFiles;
  /** Runs in the network namespace of this process unless told. */
  readonly run?: RunTool;
}

/** The files that a context stands for. */
export function filesOf(context: PreflightContext): ProcFiles {
  return context.files ?? ownProcFiles;
}

/** The settings that a context stands for, for reading. */
export function sysctlOf(context: PreflightContext): Sysctl {
  return new Sysctl({ mode: 'off', files: filesOf(context) });
}

/** The way of running programs that a context stands for. */
export function toolsOf(context: PreflightContext): RunTool {
  return context.run ?? runTool;
}
