/** How a flag's value is written. A `switch` takes its value only behind `=`, as in Go's flag package. */
export type FlagKind = 'text' | 'list' | 'switch' | 'integer' | 'duration' | 'choice';

/** One flag, as `--help` and the parser see it. */
export interface Flag {
  /** Without dashes. */
  readonly name: string;
  readonly kind: FlagKind;
  /** As it would be typed; also what `--help` shows. A list has none. */
  readonly fallback: string;
  /** One line. */
  readonly help: string;
  /** What it means without a value, which it then takes only behind `=`. A switch without one means true. */
  readonly bare?: string;
  /** For a choice: the words allowed. */
  readonly choices?: readonly string[];
  /** For an integer: its bounds, both included. */
  readonly min?: number;
  readonly max?: number;
  /**
   * flanneld has it and this program has not, so far: whether a value asks for what is missing. Values that do not
   * (`--ip-masq=false`) are accepted, so that a command line can be taken over as it is.
   */
  readonly notBuilt?: (value: string) => boolean;
}

/** The environment variable that stands for a flag, as flanneld's: `FLANNELD_IFACE_REGEX`. */
export function variableOf(name: string): string {
  return `FLANNELD_${name.toUpperCase().replace(/[-.]/g, '_')}`;
}
