import type { AgentStatus, Metrics } from '@overlay/core';

/**
 * What the status of the agent tells and nobody counts: how much is held, not as it should be, and how old the view of the
 * store is. Seconds since the store last confirmed it; absent before it did.
 */
export function agentGauges(status: AgentStatus, metrics: Metrics, now = Date.now()): void {
  const { heldLeaseCount, heldRemovalCount, problems, conflicts, network, confirmedAt } = status;
  metrics.gauge('held_leases', heldLeaseCount);
  metrics.gauge('held_removals', heldRemovalCount);
  metrics.gauge('problems', problems.length + (network?.problems.length ?? 0));
  metrics.gauge('conflicts', conflicts.length);
  metrics.gauge('kernel_objects', network?.objects ?? 0);
  metrics.gauge('kernel_objects_pending', network?.pending ?? 0);
  metrics.gauge('kernel_objects_failed', network?.failed ?? 0);
  if (confirmedAt !== undefined) metrics.gauge('store_confirmed_age_seconds', Math.max(0, now - confirmedAt) / 1000);
}
