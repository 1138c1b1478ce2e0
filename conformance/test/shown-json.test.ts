import { expect, test } from '@jest/globals';
import { shownJson } from '../dist/backend/environment/kernel/shown-json.js';

test('nothing is said as no text, or as empty objects', () => {
  expect(shownJson(' \n')).toEqual([]);
  expect(shownJson('[{},{"ifname":"eth0"},{}]')).toEqual([{ ifname: 'eth0' }]);
});

test('a route with an encapsulation keeps its own destination', () => {
  // As iproute2 6.x writes routes made with `encap ip id 7 dst 192.168.77.2` and `encap ip6 ...`.
  const text =
    '[{"type":"1","dst":"10.244.2.0/24","encap":"ip","id":7,"src":"0.0.0.0","dst":"192.168.77.2","ttl":0,"tos":0,' +
    '"dev":"v0","protocol":"3","metric":5,"flags":[]},' +
    '{"type":"1","dst":"10.244.3.0/24","encap":"ip6","id":7,"src":"::","dst":"fd00::2","hoplimit":0,"tc":0,' +
    '"gateway":"10.1.0.9","dev":"v0","flags":[]},{"dst":"10.1.0.0/24","dev":"v0"}]';
  expect(shownJson(text)).toEqual([
    {
      ...{ type: '1', dst: '10.244.2.0/24', dev: 'v0', protocol: '3', metric: 5, flags: [] },
      encap: { type: 'ip', id: 7, src: '0.0.0.0', dst: '192.168.77.2', ttl: 0, tos: 0 },
    },
    {
      ...{ type: '1', dst: '10.244.3.0/24', gateway: '10.1.0.9', dev: 'v0', flags: [] },
      encap: { type: 'ip6', id: 7, src: '::', dst: 'fd00::2', hoplimit: 0, tc: 0 },
    },
    { dst: '10.1.0.0/24', dev: 'v0' },
  ]);
});
