import type { LinkChanges } from '../netlink/rtnetlink/link.js';
import type { LinkObject, VxlanAttributes } from './objects.js';

/** How a device that is there differs from the one that is wanted. */
export type LinkDifference =
  | { readonly verdict: 'equal' }
  /** It can be changed while it carries packets. */
  | { readonly verdict: 'change'; readonly reason: string; readonly changes: LinkChanges }
  /** It has to be deleted and made anew. */
  | { readonly verdict: 'recreate'; readonly reason: string }
  /** It is somebody else's, and only happens to have the name. */
  | { readonly verdict: 'foreign'; readonly reason: string };

/** Takes a device out of what has it (IFLA_MASTER). */
const NO_MASTER = 0;

/** Compares a device attribute by attribute, those first that the kernel cannot change (drivers/net/vxlan). */
export function compareLinks(actual: LinkObject, wanted: LinkObject): LinkDifference {
  if (actual.type !== wanted.type) {
    const reason = `its type is ${actual.type || 'that of a real interface'} instead of ${wanted.type}`;
    return { verdict: actual.alias === wanted.alias ? 'recreate' : 'foreign', reason };
  }
  if (wanted.vxlan) {
    const fixed = fixedDifference(actual.vxlan, wanted.vxlan);
    if (fixed !== undefined) return { verdict: 'recreate', reason: fixed };
  }
  if (wanted.macvlan) {
    // Without its alias it is still ours by the MAC, which nobody else has.
    const ours = actual.alias === wanted.alias || actual.mac === wanted.mac;
    if (!ours) return { verdict: 'foreign', reason: `its alias is ${actual.alias || 'not set'}` };
    const { lower, mode } = wanted.macvlan;
    const { macvlan } = actual;
    if (macvlan?.lower !== lower || macvlan.mode !== mode) {
      const found = macvlan ? `${macvlan.mode} on ${macvlan.lower || 'an interface elsewhere'}` : 'of another mode';
      return { verdict: 'recreate', reason: `it is ${found} instead of ${mode} on ${lower}` };
    }
  }
  if (wanted.veth && actual.veth?.peer !== wanted.veth.peer) {
    const reason = `its other end is ${actual.veth?.peer || 'elsewhere'} instead of ${wanted.veth.peer}`;
    return { verdict: actual.alias === wanted.alias ? 'recreate' : 'foreign', reason };
  }
  const reasons: string[] = [];
  const changes: { -readonly [K in keyof LinkChanges]: LinkChanges[K] } = {};
  const differs = (what: string, found: unknown, asked: unknown): boolean => {
    if (found === asked) return false;
    reasons.push(`${what} is ${String(found) || 'not set'} instead of ${String(asked)}`);
    return true;
  };
  if (differs('alias', actual.alias, wanted.alias)) changes.alias = wanted.alias;
  if (differs('MTU', actual.mtu, wanted.mtu)) changes.mtu = wanted.mtu;
  if (differs('MAC', actual.mac, wanted.mac)) changes.mac = wanted.mac;
  if (differs('up', actual.up, wanted.up)) changes.up = wanted.up;
  const noArp = wanted.noArp ?? false;
  if (differs('NOARP', actual.noArp ?? false, noArp)) changes.noArp = noArp;
  if (differs('master', actual.master ?? 'none', 'none')) changes.masterIndex = NO_MASTER;
  if (wanted.vxlan && actual.vxlan) {
    const { local, lower, learning } = wanted.vxlan;
    const vxlan: { local?: typeof local; learning?: boolean } = {};
    if (differs('local address', actual.vxlan.local, local)) vxlan.local = local;
    if (differs('learning', actual.vxlan.learning, learning)) vxlan.learning = learning;
    const moved = differs('interface', actual.vxlan.lower, lower);
    if (moved || Object.keys(vxlan).length > 0) changes.vxlan = vxlan;
  }
  if (reasons.length === 0) return { verdict: 'equal' };
  return { verdict: 'change', reason: reasons.join(', '), changes };
}

function fixedDifference(actual: VxlanAttributes | undefined, wanted: VxlanAttributes): string | undefined {
  if (!actual) return 'it has no VXLAN attributes';
  if (actual.vni !== wanted.vni) return `VNI is ${actual.vni} instead of ${wanted.vni}`;
  if (actual.port !== wanted.port) return `port is ${actual.port} instead of ${wanted.port}`;
  if (actual.gbp !== wanted.gbp) return `GBP is ${actual.gbp} instead of ${wanted.gbp}`;
  // vxlan_nl2conf refuses a local address of another family.
  if (actual.local !== '' && actual.local.includes(':') !== wanted.local.includes(':')) {
    return `local address is ${actual.local} instead of ${wanted.local}`;
  }
  return undefined;
}
