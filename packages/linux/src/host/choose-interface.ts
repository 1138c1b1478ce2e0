import type { Address, HostState } from '@overlay/core';
import { addressFamily } from '@overlay/core';
import { byDefaultRoute } from './by-default-route.js';
import { byRegex } from './by-regex.js';
import { describeInterfaces } from './describe.js';
import type { Attempt } from './host-on.js';
import { hostOn, missed } from './host-on.js';
import type { InterfaceSelection } from './options.js';
import { namesInterface } from './options.js';
import type { HostSnapshot } from './snapshot.js';
import { addressObstacle } from './usable-address.js';

/**
 * Chooses the interface that carries the overlay, and the host's addresses on it. Pure: the same snapshot and selection
 * give the same answer.
 *
 * The order is flanneld's: each `--iface`, each `--iface-regex`, `--iface-can-reach`; when none of them is given, the
 * interface that has `--public-ip`, or else `--public-ipv6`; when neither is given, that of the default route. The first
 * one that will do is taken. When none will, the answer says what was asked for and what there is.
 */
export function chooseInterface(snapshot: HostSnapshot, selection: InterfaceSelection): HostState {
  const misses: string[] = [];
  for (const attempt of attempts(snapshot, selection)) {
    if (attempt.host !== undefined) return { host: attempt.host };
    misses.push(attempt.miss);
  }
  return { waiting: `${misses.join('; ')}. Interfaces of this host: ${describeInterfaces(snapshot)}` };
}

/** Lazily, because what comes after the first hit need not be looked at. */
function* attempts(snapshot: HostSnapshot, selection: InterfaceSelection): Generator<Attempt, void, undefined> {
  if (!namesInterface(selection)) {
    const flag = selection.publicIP.ipv4 !== undefined ? '--public-ip' : '--public-ipv6';
    const address = selection.publicIP.ipv4 ?? selection.publicIP.ipv6;
    if (address === undefined) yield byDefaultRoute(snapshot, selection);
    else yield byPublicAddress(snapshot, selection, flag, address);
    return;
  }
  for (const named of selection.iface) {
    if (named.address !== undefined) yield byAddress(snapshot, selection, `--iface ${named.address}`, named.address);
    else yield byName(snapshot, selection, named.name);
  }
  for (const regex of selection.ifaceRegex) yield byRegex(snapshot, selection, regex);
  if (selection.canReach !== undefined) yield byReach(snapshot, selection, selection.canReach);
}

function byName(snapshot: HostSnapshot, selection: InterfaceSelection, name: string): Attempt {
  const link = snapshot.links.find((candidate) => candidate.name === name);
  if (link === undefined) return missed(`--iface ${name}: there is no such interface`);
  return under(`--iface ${name}`, hostOn(snapshot, selection, link));
}

function byAddress(snapshot: HostSnapshot, selection: InterfaceSelection, asked: string, address: Address): Attempt {
  const found = snapshot.addresses.find((candidate) => candidate.address === address);
  const link = snapshot.links.find(({ index }) => index === found?.index);
  if (found === undefined || link === undefined) return missed(`${asked}: no interface has this address`);
  const obstacle = addressObstacle(found);
  if (obstacle !== undefined) return missed(`${asked}: ${link.name} has it, but ${obstacle}`);
  return under(asked, hostOn(snapshot, selection, link, { [addressFamily(address)]: address }));
}

function byPublicAddress(
  snapshot: HostSnapshot,
  selection: InterfaceSelection,
  flag: string,
  address: Address,
): Attempt {
  const attempt = byAddress(snapshot, selection, `${flag} ${address}`, address);
  if (attempt.host !== undefined) return attempt;
  return missed(`${attempt.miss} (behind address translation, name the interface with --iface too)`);
}

function byReach(snapshot: HostSnapshot, selection: InterfaceSelection, target: Address): Attempt {
  const asked = `--iface-can-reach ${target}`;
  const reach = snapshot.reach;
  if (reach === undefined) return missed(`${asked}: not looked up yet`);
  if (reach.problem !== undefined) return missed(`${asked}: ${reach.problem}`);
  // A target that is this host's own is reached through lo; what has the address is meant.
  const own = snapshot.addresses.find(({ address }) => address === target);
  if (own !== undefined) return byAddress(snapshot, selection, asked, target);
  const link = snapshot.links.find(({ index }) => index === reach.index);
  if (link === undefined) return missed(`${asked}: the interface with index ${reach.index} is gone`);
  const source = reach.source === undefined ? {} : { [addressFamily(reach.source)]: reach.source };
  return under(asked, hostOn(snapshot, selection, link, source));
}

function under(asked: string, attempt: Attempt): Attempt {
  return attempt.host !== undefined ? attempt : missed(`${asked}: ${attempt.miss}`);
}
