/** What `overlay lab` is given by the program around it. */
export interface LabIo {
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
  /** The agent to run on the hosts: program and first arguments. It has to understand overlayd's flags. */
  readonly agent: readonly string[];
  /** Default: this process's own. */
  readonly env?: NodeJS.ProcessEnv;
  /**
   * Stops the lab. Without it, SIGINT, SIGTERM and SIGHUP do while the command runs, and a second one changes nothing:
   * what was made has to be removed.
   */
  readonly signal?: AbortSignal;
  /** The command line that removes kept labs, as the user would type it. Default `overlay lab down`. */
  readonly downCommand?: string;
  /** The folder with the servers of Kubernetes, for `--store kube`. */
  readonly kubernetesPrograms?: string;
  /** See LabOptions. */
  readonly runDirectory?: string;
}
