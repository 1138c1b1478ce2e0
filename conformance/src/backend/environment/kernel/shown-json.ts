/** A route that carries its encapsulation, as iproute2 writes it: the members of the encapsulation are among the route's own. */
const ENCAPSULATION = /"encap":("[^"]*"),(.*?),(?="(?:gateway|via|dev|nhid|nexthops)":)/g;

/**
 * What `ip -j` or `bridge -j` has written. An encapsulation has a `dst` of its own, under the name that the route's has: it
 * becomes one member `encap`, or the route would be taken for one to the tunnel's far end.
 */
export function shownJson(text: string): readonly Readonly<Record<string, unknown>>[] {
  const trimmed = text.trim();
  if (trimmed === '') return [];
  const items = JSON.parse(trimmed.replaceAll(ENCAPSULATION, '"encap":{"type":$1,$2},')) as Record<string, unknown>[];
  // `ip` writes {} for what it filtered away.
  return items.filter((item) => Object.keys(item).length > 0);
}
