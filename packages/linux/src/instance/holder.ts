/** Who holds an instance, as far as it says so. */
export interface InstanceHolder {
  /** Process id, in the holder's own pid namespace. */
  readonly pid?: number;
  /** When it began to hold, or to wait for, the instance, in milliseconds since the Unix epoch. */
  readonly startedAt?: number;
}

/** This process. */
export function currentHolder(): InstanceHolder {
  return { pid: process.pid, startedAt: Date.now() };
}

/** What a holder tells those who connect: one line of JSON. */
export function formatHolder(holder: InstanceHolder): string {
  return `${JSON.stringify({ pid: holder.pid, startedAt: holder.startedAt })}\n`;
}

/** Reads such a line. What is not understood is left out: another version, or no agent at all, may hold the name. */
export function parseHolder(line: string): InstanceHolder {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return {};
  }
  if (typeof value !== 'object' || value === null) return {};
  const { pid, startedAt } = value as { pid?: unknown; startedAt?: unknown };
  return {
    ...(typeof pid === 'number' && Number.isSafeInteger(pid) && pid > 0 ? { pid } : {}),
    ...(typeof startedAt === 'number' && Number.isFinite(startedAt) ? { startedAt } : {}),
  };
}
