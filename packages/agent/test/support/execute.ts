import { execFile } from 'node:child_process';

/** Runs a program to its end with something to read, and gives what it printed. Rejects unless it ends with code 0. */
export async function execute(argv: readonly string[], input = ''): Promise<string> {
  const [file, ...args] = argv;
  return await new Promise((resolve, reject) => {
    const child = execFile(file, args, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${argv.join(' ')}: ${stderr.trim() || error.message}`));
    });
    // A program that ends without reading its input makes the pipe fail; its exit code tells more.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
  });
}
