import { deriveMac, isUnicastMac, tryParseMac } from '@overlay/core';
import type { Endpoint, Family, JsonObject, JsonValue, Lease, Mac } from '@overlay/core';

/** What a VXLAN host publishes in each family, as flannel writes it. */
export interface VtepData {
  readonly vni: number;
  readonly mac: Mac;
}

/**
 * BackendData of a lease. VtepMAC comes last: flanneld finds its own by splitting the text there.
 */
export function vtepData({ vni, mac }: VtepData): JsonObject {
  return { VNI: vni, VtepMAC: mac };
}

/** Reads BackendData of somebody's lease; undefined if there is no MAC in it that a VTEP can have. */
export function parseVtepData(data: JsonValue | undefined): Partial<VtepData> & { readonly mac?: Mac } {
  if (typeof data !== 'object' || data === null || Array.isArray(data)) return {};
  const members = data as JsonObject;
  const text = member(members, 'VtepMAC');
  const vni = member(members, 'VNI');
  const mac = typeof text === 'string' ? tryParseMac(text) : undefined;
  return {
    vni: typeof vni === 'number' ? vni : undefined,
    mac: mac !== undefined && isUnicastMac(mac) ? mac : undefined,
  };
}

/** The name of the tunnel device, as flannel's. */
export function deviceName(family: Family, vni: number): string {
  return family === 'ipv4' ? `flannel.${vni}` : `flannel-v6.${vni}`;
}

/**
 * The MAC of this host's VTEP in one family: the one that peers were last told, else that of the device that is there,
 * else one derived from the host's identity. So it outlives the device, the host's reboot, and the loss of the store.
 */
export function chooseMac(
  family: Family,
  sources: { readonly hostId: string; readonly previous?: Lease; readonly existing?: Mac },
): Mac {
  const published = publishedMac(sources.previous?.attributes[family]);
  if (sources.previous?.attributes.backendType === 'vxlan' && published) return published;
  return sources.existing ?? deriveMac(`vxlan ${family} ${sources.hostId}`);
}

function publishedMac(endpoint: Endpoint | undefined): Mac | undefined {
  return parseVtepData(endpoint?.data).mac;
}

/** Go reads JSON members in any case; the exact name wins. */
function member(object: JsonObject, name: string): JsonValue | undefined {
  if (object[name] !== undefined) return object[name];
  const folded = name.toLowerCase();
  for (const [key, value] of Object.entries(object)) if (key.toLowerCase() === folded) return value;
  return undefined;
}
