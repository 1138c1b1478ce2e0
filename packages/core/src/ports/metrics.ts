/** Label values of one series, by label name. Keep the number of different values small. */
export type Labels = Readonly<Record<string, string>>;

/** Where a part counts. Names are Prometheus names without the `overlay_` prefix, which the agent adds. */
export interface Metrics {
  /** Adds to a counter; `by` is 1 unless told, and never negative. */
  count(name: string, by?: number, labels?: Labels): void;
  /** Sets a gauge. */
  gauge(name: string, value: number, labels?: Labels): void;
  /** Records one duration in seconds. */
  observe(name: string, seconds: number, labels?: Labels): void;
  /**
   * Has this called each time before the metrics are read, or sent somewhere: for what is counted elsewhere, and asked
   * rather than told at each change. Returns how to end that. Where it is left out, such counts are missing.
   */
  beforeRead?(update: () => void): () => void;
}

const nothing = (): void => undefined;

/** Metrics that go nowhere: what a library uses when it is given none. */
export const noMetrics: Metrics = { count: nothing, gauge: nothing, observe: nothing };
