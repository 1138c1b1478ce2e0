import { describe, expect, test } from '@jest/globals';
import { endpointId, udpOptions } from '@overlay/backend-udp';
import { parseNetConf } from '@overlay/core';

function read(backend: object) {
  return udpOptions({
    netConf: parseNetConf(JSON.stringify({ Network: '10.244.0.0/16', Backend: { Type: 'udp', ...backend } })),
  });
}

describe('options of udp', () => {
  test('are flannel’s unless told', () => {
    expect(read({})).toEqual({ port: 8285, dataPath: 'auto', filter: 'enforce' });
    expect(endpointId(read({}))).toBe('udp/8285');
  });

  test('are taken as given', () => {
    expect(read({ Port: 9000, DataPath: 'user', Filter: 'count' })).toEqual({
      port: 9000,
      dataPath: 'user',
      filter: 'count',
    });
    expect(read({ Port: 0 }).port).toBe(8285);
  });

  test.each([
    [{ Port: 65536 }, 'Backend.Port'],
    [{ Port: -1 }, 'Backend.Port'],
    [{ DataPath: 'kernal' }, 'Backend.DataPath'],
    [{ Filter: 'yes' }, 'Backend.Filter'],
  ])('%p is refused by name', (backend, key) => {
    let thrown: unknown;
    try {
      read(backend);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ code: 'OVERLAY_CONFIG_INVALID', key });
  });
});
