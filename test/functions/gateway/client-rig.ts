import { type CutoutError, isError } from '../../../functions/errors.ts';
import { Gateway, type GatewayOptions } from '../../../functions/gateway/client.ts';
import type { Answer, GatewayOptions as SimulatorOptions } from '../../../local/gateway.ts';
import { failureOf } from '../failure-of.ts';
import { startSimulator } from '../servers.ts';

export const IMAGE_URL = 'https://uploads.example/cat.jpg?X-Amz-Signature=secret';

export function gatewayAt(url: string, options: Partial<GatewayOptions> = {}): Gateway {
  return new Gateway({ url, apiKey: async () => 'good-key', ...options });
}

/** A gateway whose jobs stay QUEUED, unless said otherwise. */
export async function start(options: Partial<SimulatorOptions> = {}) {
  const simulator = await startSimulator({ durationMs: 3_600_000, ...options });
  return { simulator, gateway: gatewayAt(simulator.url) };
}

/** What a submission fails with if the gateway answers it so. */
export async function refusalOf(answer: Answer): Promise<CutoutError> {
  const { simulator, gateway } = await start();
  simulator.nextSubmits(answer);
  const error = await failureOf(gateway.submit(IMAGE_URL));
  if (isError(error)) return error;
  throw error;
}
