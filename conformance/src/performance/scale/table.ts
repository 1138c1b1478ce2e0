import type { ScaleReport } from './scale.js';

/** The report for a person. */
export function scaleTable(report: ScaleReport): string {
  const { sustained } = report;
  const rows: readonly (readonly [what: string, value: string])[] = [
    ['backend, hosts, objects', `${report.backend}, ${report.hosts}, ${report.objects}`],
    ['snapshot to kernel', `${report.convergeMs} ms (processor: ${report.convergeCpuMs} ms)`],
    ['ip -batch, same objects', `${report.ipBatchMs} ms (processor: ${report.ipBatchCpuMs} ms)`],
    ['ratio', `${report.ratio} (processor: ${report.cpuRatio})`],
    ['one change', `p50 ${report.changeP50Ms} ms, p99 ${report.changeP99Ms} ms`],
    ['restart, nothing changed', `${report.restartMs} ms, ${report.restartWrites} writes`],
    ['link down', `${report.linkDownMs} ms, restored ${report.linkRestoreMs} ms after it was up again`],
    ['peak RSS', `${report.rssMB} MB, after a restart ${report.restartRssMB} MB`],
  ];
  const more: readonly (readonly [string, string])[] = sustained
    ? [
        [
          `${sustained.changes} changes in ${sustained.seconds} s`,
          `all in the kernel ${sustained.lagMs} ms after the last, ${sustained.cpuPerChangeUs} us of processor each, ` +
            `peak RSS ${sustained.rssMB} MB`,
        ],
      ]
    : [];
  return [...rows, ...more].map(([what, value]) => `${what.padEnd(28)}${value}\n`).join('');
}
