import type { Agent } from '@overlay/core';
import { OverlayError } from '@overlay/core';
import type { Reachability } from '@overlay/core/reachability';
import type { Linux } from '@overlay/linux';
import type { ApplyOutcome, ControlRequest } from '../control/protocol.js';
import type { Answer } from '../health/answers.js';
import { healthz, readyz, statusAnswer, statusRefused } from '../health/answers.js';
import type { AgentProgram, HostReport } from '../report/host-report.js';
import { reportJson } from '../report/host-report.js';
import type { KernelSettings } from './kernel-settings.js';

export interface ReporterOptions {
  readonly program: AgentProgram;
  readonly kernel: KernelSettings;
  readonly linux: Linux;
}

/** The agent, once there is one, as far as whoever asks has to do with it. */
export interface Reported {
  readonly agent: Agent;
  readonly applyPending: () => Promise<ApplyOutcome>;
  /** What the probe of the peers has shown; undefined while there is none. */
  readonly reachability: () => Reachability | undefined;
}

/** Answers what is asked of this host's agent, over HTTP and over its socket, from the first moment on. */
export class Reporter {
  readonly #options: ReporterOptions;
  #reported: Reported | undefined;

  constructor(options: ReporterOptions) {
    this.#options = options;
  }

  /** From now on there is an agent to tell of. */
  follow(reported: Reported): void {
    this.#reported = reported;
  }

  /** The answer to a request over HTTP; undefined where there is nothing under that path. */
  async http(path: string, { fromHere }: { readonly fromHere: boolean }): Promise<Answer | undefined> {
    switch (path) {
      case '/healthz':
        return healthz();
      case '/readyz': {
        const { status, findings, reachability } = await this.#report();
        return readyz(status, findings, reachability);
      }
      case '/status':
        return fromHere ? statusAnswer(await this.#report()) : statusRefused();
      default:
        return undefined;
    }
  }

  /** The answer to a command, as JSON. */
  async command({ do: what }: ControlRequest): Promise<string> {
    if (what === 'status') return reportJson(await this.#report());
    const applied = this.#reported?.applyPending();
    if (applied === undefined) throw new OverlayError('OVERLAY_NOT_STARTED', 'the agent is starting; try again');
    return JSON.stringify(await applied);
  }

  async #report(): Promise<HostReport> {
    const { program, kernel, linux } = this.#options;
    await kernel.refresh();
    const status = this.#reported?.agent.status();
    const reachability = this.#reported?.reachability();
    return {
      program,
      ...(status && { status }),
      ...(reachability && { reachability }),
      findings: kernel.findings,
      kernelWrites: linux.session.writes,
    };
  }
}
