import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { Folder } from './folder.js';
import { Program } from './program.js';

const execute = promisify(execFile);
let made = 0;

const GET = `
const request = require('node:http').get(process.argv[1], { timeout: 5000 }, (response) => {
  let body = '';
  response.setEncoding('utf8').on('data', (text) => (body += text));
  response.on('end', () => console.log(JSON.stringify({ status: response.statusCode, body })));
});
request.on('timeout', () => request.destroy(new Error('no answer')));
request.on('error', (error) => console.log(JSON.stringify({ status: 0, body: error.message })));
`;

export interface HostOptions {
  /** The last byte of its address on the underlay. */
  readonly number?: number;
  /** Whether it has its interface from the beginning. */
  readonly withInterface?: boolean;
  readonly netConf?: unknown;
  /** The store to share with others; one of its own unless told. */
  readonly store?: string;
}

/** A network namespace with one interface, as a stand-in for a host, and the files of its agent. */
export class TestHost implements AsyncDisposable {
  readonly netns = `ovt-${process.pid}-agent${++made}`;
  readonly folder = new Folder();
  readonly store: string;
  readonly subnetFile: string;
  readonly #options: HostOptions;
  readonly #programs: Program[] = [];

  private constructor(options: HostOptions) {
    this.#options = options;
    this.store = options.store ?? this.folder.at('store');
    this.subnetFile = this.folder.at('run', 'subnet.env');
  }

  static async create(options: HostOptions = {}): Promise<TestHost> {
    const host = new TestHost(options);
    const netConf = options.netConf ?? { Network: '10.244.0.0/16', Backend: { Type: 'vxlan' } };
    host.writeNetConf(netConf);
    await execute('ip', ['netns', 'add', host.netns]);
    // A new namespace begins with the machine's own setting, whatever that is.
    await execute('ip', ['netns', 'exec', host.netns, 'sh', '-c', 'echo 0 > /proc/sys/net/ipv4/ip_forward']);
    await host.ip('link set lo up');
    if (options.withInterface !== false) await host.addInterface();
    return host;
  }

  get address(): string {
    return `192.168.77.${this.#options.number ?? 2}`;
  }

  /** Replaces its net-conf.json. */
  writeNetConf(netConf: unknown): void {
    writeFileSync(this.folder.at('net-conf.json'), JSON.stringify(netConf));
  }

  async addInterface(): Promise<void> {
    await this.ip('link add eth0 type veth peer name wire');
    await this.ip(`addr add ${this.address}/24 dev eth0`);
    await this.ip('link set wire up');
    await this.ip('link set eth0 up');
  }

  /** Runs `ip` in it, with arguments as one would type them. */
  async ip(line: string): Promise<string> {
    return (await execute('ip', ['-n', this.netns, ...line.split(' ')])).stdout;
  }

  /** What `ip -d -j link show` says of a device; undefined if there is none. */
  async link(name: string): Promise<Record<string, unknown> | undefined> {
    const links = JSON.parse(await this.ip('-d -j link show')) as Record<string, unknown>[];
    return links.find(({ ifname }) => ifname === name);
  }

  /** Starts its agent. Later flags override the host's own. */
  start(...flags: string[]): Program {
    return this.startWith({}, ...flags);
  }

  /** Starts its agent with more variables in its environment. */
  startWith(env: Readonly<Record<string, string>>, ...flags: string[]): Program {
    const program = new Program({
      netns: this.netns,
      env,
      args: [
        `--local-store=${this.store}`,
        `--net-config-path=${this.folder.at('net-conf.json')}`,
        `--subnet-file=${this.subnetFile}`,
        `--state-dir=${this.folder.at('state')}`,
        `--run-dir=${this.folder.at('control')}`,
        '--healthz-ip=127.0.0.1',
        '--healthz-port=9980',
        '--iface=eth0',
        '--log-format=text',
        ...flags,
      ],
    });
    this.#programs.push(program);
    return program;
  }

  /** Asks the agent. Status 0: nobody listens. */
  async get(path: string): Promise<{ readonly status: number; readonly body: string }> {
    const argv = ['netns', 'exec', this.netns, process.execPath, '-e', GET, `http://127.0.0.1:9980${path}`];
    const { NODE_OPTIONS: _ignored, ...env } = process.env;
    const { stdout } = await execute('ip', argv, { env });
    return JSON.parse(stdout) as { status: number; body: string };
  }

  /** What subnet.env says; undefined while there is none. */
  subnetEnv(): string | undefined {
    try {
      return readFileSync(this.subnetFile, 'utf8');
    } catch {
      return undefined;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const program of this.#programs) await program[Symbol.asyncDispose]();
    await execute('ip', ['netns', 'del', this.netns]);
    this.folder[Symbol.dispose]();
  }
}
