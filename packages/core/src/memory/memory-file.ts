/**
 * Where a host remembers its store over restarts and reboots. The text is of ASCII mostly, may be many megabytes long, and
 * may hold secrets of the configuration. Calls come one at a time.
 */
export interface MemoryFile {
  /** Its name, for messages. */
  readonly name: string;
  /** How long the text is, roughly; undefined when there is none. */
  size(): Promise<number | undefined>;
  /** The text; undefined when there is none. */
  read(options: { readonly signal: AbortSignal }): Promise<string | undefined>;
  /**
   * Replaces the text as a whole, so that there is the old one or the new one after a power cut too. Its parts are made
   * while it is written: other work may go on between them.
   */
  replace(parts: Iterable<string>, options: { readonly signal: AbortSignal }): Promise<void>;
  /**
   * Adds to the end of the text, in parts that are made while it is written, as of {@link replace}. After a power cut a part
   * of the addition may be missing.
   */
  append(parts: Iterable<string>, options: { readonly signal: AbortSignal }): Promise<void>;
}
