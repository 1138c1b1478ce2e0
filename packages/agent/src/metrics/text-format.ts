import type { Labels } from '@overlay/core';
import type { Metric } from './registry.js';

/** Content type of the text format, version 0.0.4. */
export const TEXT_FORMAT = 'text/plain; version=0.0.4; charset=utf-8';

const PREFIX = 'overlay_';

/**
 * Prometheus' text format: https://prometheus.io/docs/instrumenting/exposition_formats/. A summary has no quantiles, only
 * its sum and count.
 */
export function textFormat(metrics: ReadonlyMap<string, Metric>): string {
  const lines: string[] = [];
  for (const [name, { type, series }] of [...metrics].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const full = PREFIX + name;
    lines.push(`# TYPE ${full} ${type}`);
    for (const { labels, value, observations } of series.values()) {
      const text = labelText(labels);
      if (type !== 'summary') lines.push(`${full}${text} ${number(value)}`);
      else lines.push(`${full}_sum${text} ${number(value)}`, `${full}_count${text} ${observations}`);
    }
  }
  return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function number(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (Number.isFinite(value)) return String(value);
  return value > 0 ? '+Inf' : '-Inf';
}
