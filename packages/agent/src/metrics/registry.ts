import type { Labels, Metrics } from '@overlay/core';

/** One series: its labels, and its value, or of durations their sum and how many they were. */
export interface Series {
  readonly labels: Labels;
  value: number;
  observations: number;
}

/** All series of one name. */
export interface Metric {
  readonly type: 'counter' | 'gauge' | 'summary';
  /** By what their labels say. */
  readonly series: ReadonlyMap<string, Series>;
}

/** Keeps what the parts of the agent count and measure until somebody reads it. */
export class MetricRegistry implements Metrics {
  readonly #metrics = new Map<string, { type: Metric['type']; series: Map<string, Series> }>();
  readonly #updates = new Set<() => void>();

  count(name: string, by = 1, labels?: Labels): void {
    this.#series(name, 'counter', labels).value += by;
  }

  gauge(name: string, value: number, labels?: Labels): void {
    this.#series(name, 'gauge', labels).value = value;
  }

  observe(name: string, seconds: number, labels?: Labels): void {
    const series = this.#series(name, 'summary', labels);
    series.value += seconds;
    series.observations += 1;
  }

  beforeRead(update: () => void): () => void {
    this.#updates.add(update);
    return () => void this.#updates.delete(update);
  }

  /** Everything by name, after all that is asked for has been asked. */
  read(): ReadonlyMap<string, Metric> {
    for (const update of this.#updates) update();
    return this.#metrics;
  }

  #series(name: string, type: Metric['type'], labels: Labels = {}): Series {
    let metric = this.#metrics.get(name);
    if (metric === undefined) this.#metrics.set(name, (metric = { type, series: new Map() }));
    const key = JSON.stringify(Object.entries(labels).sort());
    let series = metric.series.get(key);
    if (series === undefined) metric.series.set(key, (series = { labels, value: 0, observations: 0 }));
    return series;
  }
}
