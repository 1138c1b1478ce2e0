import { MessageReader } from '@overlay/core/protobuf';

/** What stands before every object that Kubernetes writes in protocol buffers. */
export const MAGIC = Buffer.from('k8s\0', 'latin1');

/** An object, and what it is. */
export interface Enveloped {
  readonly kind: string;
  readonly message: MessageReader;
}

/** Opens runtime.Unknown, in which an object travels. @throws Error when the bytes are none */
export function openEnvelope(bytes: Buffer): Enveloped {
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) throw new Error('an object does not begin as one of Kubernetes');
  const unknown = new MessageReader(bytes, MAGIC.length);
  let kind = '';
  let message = new MessageReader(bytes, 0, 0);
  for (let field = unknown.next(); field !== 0; field = unknown.next()) {
    if (field === 1) {
      const type = unknown.message();
      for (let part = type.next(); part !== 0; part = type.next()) if (part === 2) kind = type.text();
    } else if (field === 2) {
      message = unknown.message();
    }
  }
  return { kind, message };
}

/** What the API server says of a question that it could not answer: a v1.Status. */
export interface StatusText {
  readonly message: string;
  readonly reason: string;
  /** As of HTTP. */
  readonly code: number;
}

/** @throws Error when the bytes are none */
export function readStatus(message: MessageReader): StatusText {
  let [text, reason, code] = ['', '', 0];
  for (let field = message.next(); field !== 0; field = message.next()) {
    if (field === 3) text = message.text();
    else if (field === 4) reason = message.text();
    else if (field === 6) code = message.number();
  }
  return { message: text, reason, code };
}

/** The node that a v1.Pod is bound to; empty before it is. @throws Error when the bytes are none */
export function readPodNode(message: MessageReader): string {
  for (let field = message.next(); field !== 0; field = message.next()) {
    if (field !== 2) continue;
    const spec = message.message();
    for (let part = spec.next(); part !== 0; part = spec.next()) if (part === 10) return spec.text();
  }
  return '';
}
