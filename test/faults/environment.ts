import dns from 'node:dns';

/**
 * Loaded into a function's environment before its code: shortens its time limits to `PATIENCE_MS`; sets the clock of
 * the functions in `CLOCK_SKEW_MINUTES`, such as `{"CheckStatus": -60}`, wrong; and lets names resolve, to this machine,
 * only after `UNRESOLVED_TIMES` failures.
 */
const { UNRESOLVED_TIMES, PATIENCE_MS, CLOCK_SKEW_MINUTES = '{}', AWS_LAMBDA_FUNCTION_NAME = '' } = process.env;

if (PATIENCE_MS !== undefined) {
  const timeout = AbortSignal.timeout.bind(AbortSignal);
  AbortSignal.timeout = (ms) => timeout(Math.min(ms, Number(PATIENCE_MS)));
}

const skews: [name: string, minutes: number][] = Object.entries(JSON.parse(CLOCK_SKEW_MINUTES));
const skewMs = (skews.find(([name]) => AWS_LAMBDA_FUNCTION_NAME.includes(name))?.[1] ?? 0) * 60_000;
if (skewMs !== 0) {
  const RealDate = Date;
  globalThis.Date = class extends RealDate {
    constructor(...values: unknown[]) {
      super(...((values.length === 0 ? [RealDate.now() + skewMs] : values) as [number]));
    }
    static override now(): number {
      return RealDate.now() + skewMs;
    }
  } as DateConstructor;
}

if (UNRESOLVED_TIMES !== undefined) {
  let failures = 0;
  const lookup = (
    name: string,
    _options: unknown,
    done: (error: Error | null, found?: dns.LookupAddress[]) => void,
  ) => {
    if (failures++ < Number(UNRESOLVED_TIMES)) {
      const error = Object.assign(new Error(`getaddrinfo ENOTFOUND ${name}`), {
        code: 'ENOTFOUND',
        syscall: 'getaddrinfo',
      });
      return void process.nextTick(done, error);
    }
    return void process.nextTick(done, null, [{ address: '127.0.0.1', family: 4 }]);
  };
  Object.assign(dns, { lookup });
}
