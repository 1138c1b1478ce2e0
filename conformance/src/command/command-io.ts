/** What the command is given by the program around it. */
export interface CommandIo {
  readonly stdout: NodeJS.WritableStream;
  /** Progress, and what is wrong with the command line. */
  readonly stderr: NodeJS.WritableStream;
  /** Ends the run after the test that is under way. */
  readonly signal?: AbortSignal;
}
