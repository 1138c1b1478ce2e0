import { isIP } from 'node:net';
import type { PeerCertificate } from 'node:tls';
import { checkServerIdentity } from 'node:tls';
import type * as Grpc from '@grpc/grpc-js';
import { abortError } from '@overlay/core';
import type { Method } from '../rpc/methods.js';
import type { Endpoint } from './endpoint.js';
import type { TlsContents } from './tls-files.js';

/** How a call is made. */
export interface CallOptions {
  readonly metadata: Grpc.Metadata;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export type Duplex<Request, Response> = Grpc.ClientDuplexStream<Request, Response>;

const OPTIONS: Grpc.ChannelOptions = {
  // A list of all leases is one message; etcd sets no limit either.
  'grpc.max_receive_message_length': -1,
  'grpc-node.flow_control_window': 4 * 1024 * 1024,
  // A member that vanished without a word. etcd ends connections that ask more often than every 5 s.
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
  // Go's client takes no proxy for etcd from the environment either, unless it is for https.
  'grpc.enable_http_proxy': 0,
  'grpc.service_config_disable_resolution': 1,
  // Trying again is the business of those who call: they may prefer another member, and read certificates anew.
  'grpc.enable_retries': 0,
};

/** One connection to one member of etcd, with the certificates that were there when it was made. */
export class Connection {
  readonly #client: Grpc.Client;
  readonly #streams = new Set<{ cancel(): void }>();
  #closed = false;

  /**
   * gRPC is loaded when the first connection is made, which no agent on another store ever does.
   *
   * @param shared may be one that others in this process have to the same member, without TLS: half of what a connection
   *   costs etcd is making it. Not when one has failed; the next one has to be another.
   */
  static async open(endpoint: Endpoint, tls: TlsContents, shared: boolean): Promise<Connection> {
    return new Connection(await import('@grpc/grpc-js'), endpoint, tls, shared);
  }

  private constructor(
    private readonly grpc: typeof Grpc,
    readonly endpoint: Endpoint,
    readonly tls: TlsContents,
    shared: boolean,
  ) {
    const { credentials, Client } = grpc;
    const { host, target, secure } = endpoint;
    const options = { ...OPTIONS, 'grpc.use_local_subchannel_pool': shared && !secure ? 0 : 1 };
    if (!secure) {
      this.#client = new Client(target, credentials.createInsecure(), options);
    } else if (isIP(host) === 0) {
      this.#client = new Client(target, credentials.createSsl(tls.ca, tls.key, tls.cert), options);
    } else {
      // gRPC would send the address as a server name, which RFC 6066 forbids and Node warns of. Some name has to be sent;
      // what counts is the address in the certificate.
      const identity = {
        checkServerIdentity: (_: string, certificate: PeerCertificate) => checkServerIdentity(host, certificate),
      };
      const channel = credentials.createSsl(tls.ca, tls.key, tls.cert, identity);
      this.#client = new Client(target, channel, { ...options, 'grpc.ssl_target_name_override': 'etcd' });
    }
  }

  get closed(): boolean {
    return this.#closed;
  }

  metadata(headers: Readonly<Record<string, string>>): Grpc.Metadata {
    const metadata = new this.grpc.Metadata();
    for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
    return metadata;
  }

  /** One question, one answer. @throws ServiceError of gRPC; OverlayError `OVERLAY_ABORTED` */
  unary<Request, Response>(
    { path, encode, decode }: Method<Request, Response>,
    request: Request,
    { metadata, timeoutMs, signal }: CallOptions,
  ): Promise<Response> {
    return new Promise((resolve, reject) => {
      const call = this.#client.makeUnaryRequest(
        path,
        encode,
        decode,
        request,
        metadata,
        { deadline: Date.now() + timeoutMs },
        (error, response) => {
          signal.removeEventListener('abort', stopped);
          if (error === null) resolve(response as Response);
          else reject(signal.aborted ? abortError(`asking etcd at ${this.endpoint.text}`, signal) : error);
        },
      );
      const stopped = (): void => call.cancel();
      signal.addEventListener('abort', stopped, { once: true });
    });
  }

  /** One question and its first answer by a method that is a stream. */
  first<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    { metadata, timeoutMs, signal }: CallOptions,
  ): Promise<Response> {
    return new Promise((resolve, reject) => {
      const stream = this.stream(method, metadata, { deadline: Date.now() + timeoutMs });
      const stopped = (): void => stream.cancel();
      const done = (): void => signal.removeEventListener('abort', stopped);
      signal.addEventListener('abort', stopped, { once: true });
      stream.on('data', (response: Response) => {
        resolve(response);
        stream.cancel();
      });
      stream.on('error', (error) => {
        done();
        reject(signal.aborted ? abortError(`asking etcd at ${this.endpoint.text}`, signal) : error);
      });
      stream.on('end', () => {
        done();
        reject(new Error('the stream ended without an answer'));
      });
      stream.write(request);
      stream.end();
    });
  }

  /** Many questions and answers, until the connection is closed. */
  stream<Request, Response>(
    { path, encode, decode }: Method<Request, Response>,
    metadata: Grpc.Metadata,
    options: Grpc.CallOptions = {},
  ): Duplex<Request, Response> {
    const stream = this.#client.makeBidiStreamRequest(path, encode, decode, metadata, options);
    this.#streams.add(stream);
    stream.on('status', () => this.#streams.delete(stream));
    return stream;
  }

  /** Ends all streams; questions under way still get their answers. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const stream of this.#streams) stream.cancel();
    this.#client.close();
  }
}
