import { LeaseService } from './lease-service.js';

const url = await new LeaseService().listen(Number(process.argv[2] ?? 8500));
process.stdout.write(`leases at ${url}/leases\n`);
