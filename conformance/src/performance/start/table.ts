import type { StartReport, Starts } from './start.js';

/** The report for a person. */
export function startTable(report: StartReport): string {
  const { backend, rounds, nodeMs, idleRssMB, idleAnonymousMB } = report;
  const rows: (readonly [what: string, value: string])[] = [
    ['backend, starts of each sort', `${backend}, ${rounds}`],
    ['node -e 0', `${nodeMs} ms`],
    ['first start of one of three', startText(report.first)],
    ['started again', startText(report.again)],
    ['all three at once', startText(report.together)],
  ];
  if (idleRssMB !== undefined) rows.push(['idle', `RSS ${idleRssMB} MB, of which anonymous ${idleAnonymousMB} MB`]);
  return rows.map(([what, value]) => `${what.padEnd(30)}${value}\n`).join('');
}

function startText({ readyMs, readyP90Ms, subnetEnvMs, cpuMs }: Starts): string {
  return `ready after ${readyMs} ms (p90 ${readyP90Ms} ms), subnet.env ${subnetEnvMs} ms, ${cpuMs} ms of processor time`;
}
