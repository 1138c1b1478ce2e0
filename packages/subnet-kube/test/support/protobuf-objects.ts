import { MessageWriter } from '@overlay/core/protobuf';

const MAGIC = Buffer.from('k8s\0', 'latin1');

export const START = 'flannel.alpha.coreos.com/';

export function annotation(key: string, value: string): MessageWriter {
  return new MessageWriter().text(1, key).text(2, value);
}

/** A Node as the API server writes it, with annotations and conditions of ours and of others. */
export function node(name: string, podCIDRs: readonly string[] = ['10.5.1.0/24']): MessageWriter {
  const metadata = new MessageWriter()
    .text(1, name)
    .text(5, `uid-of-${name}`)
    .text(6, '77')
    .message(11, annotation('kubernetes.io/os', 'linux'))
    .message(12, annotation('a.example/long', 'x'.repeat(300)))
    .message(12, annotation(`${START}public-ip`, '192.0.2.1'))
    .message(12, annotation(`${START}backend-data`, 'null'));
  const spec = new MessageWriter().text(1, podCIDRs[0] ?? '').text(3, 'provider');
  for (const podCIDR of podCIDRs) spec.text(7, podCIDR);
  const condition = (type: string, status: string): MessageWriter =>
    new MessageWriter().text(1, type).text(2, status).text(5, 'Because').text(6, 'of that');
  const status = new MessageWriter()
    .message(4, condition('Ready', 'True'))
    .message(4, condition('NetworkUnavailable', 'False'));
  return new MessageWriter().message(1, metadata).message(2, spec).message(3, status);
}

/** The bookmark that ends what a watch streams at its start. */
export function endOfInitialEvents(resourceVersion: string): MessageWriter {
  const metadata = new MessageWriter()
    .text(6, resourceVersion)
    .message(12, annotation('k8s.io/initial-events-end', 'true'));
  return new MessageWriter().message(1, metadata);
}

/** What runtime.Unknown makes of an object. */
export function enveloped(kind: string, message: MessageWriter): Buffer {
  const type = new MessageWriter().text(1, 'v1').text(2, kind);
  return Buffer.concat([MAGIC, new MessageWriter().message(1, type).message(2, message).finish()]);
}

/** An event of a watch, after its length. */
export function frame(type: string, object: Buffer): Buffer {
  const event = Buffer.concat([new MessageWriter().text(1, type).finish(), bytesField(2, bytesField(1, object))]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(event.length);
  return Buffer.concat([length, event]);
}

/** A field of bytes, which MessageWriter has none for. */
function bytesField(field: number, bytes: Buffer): Buffer {
  const length: number[] = [];
  let rest = bytes.length;
  for (; rest > 0x7f; rest >>>= 7) length.push((rest & 0x7f) | 0x80);
  return Buffer.concat([Buffer.from([(field << 3) | 2, ...length, rest]), bytes]);
}
