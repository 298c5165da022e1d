import dns from 'node:dns';
import { isIP } from 'node:net';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { closedPort } from '../../closed-port.ts';
import { failureOf } from '../failure-of.ts';
import { gatewayAt, IMAGE_URL, start } from './client-rig.ts';

describe('a gateway that cannot be reached', () => {
  it('was surely sent nothing if its port is closed', async () => {
    const error = await failureOf(gatewayAt(`http://127.0.0.1:${await closedPort()}`).submit(IMAGE_URL));

    expect(error).toMatchObject({ name: 'GatewayUnreachable' });
    expect(error).not.toMatchObject({ name: 'OutcomeUnknown' });
    expect(error.message).toContain('ECONNREFUSED');
  });

  it('was surely sent nothing if each address of its name refuses', async () => {
    const error = await failureOf(gatewayAt(`http://localhost:${await closedPort()}`).submit(IMAGE_URL));
    expect(error).toMatchObject({ name: 'GatewayUnreachable' });
  });

  it('was surely sent nothing if it has several addresses and none connects, whatever the first one fails with', async () => {
    const port = await closedPort();
    for (const addresses of [
      [UNREACHABLE, '127.0.0.1'],
      ['127.0.0.1', '::1', UNREACHABLE],
    ]) {
      resolveTo(addresses);
      const error = await failureOf(gatewayAt(`http://gateway.test:${port}`).submit(IMAGE_URL));

      expect(error, addresses.join()).toMatchObject({ name: 'GatewayUnreachable' });
      expect(error.message).toMatch(/could not be reached \((ENETUNREACH|ECONNREFUSED)\)/);
    }
  });

  it('was surely sent nothing if its one address is unreachable', async () => {
    const error = await failureOf(gatewayAt(`http://${UNREACHABLE}:${await closedPort()}`).submit(IMAGE_URL));
    expect(error).toMatchObject({ name: 'GatewayUnreachable' });
    expect(error.message).toContain('ENETUNREACH');
  });

  it('may have accepted the image if one of its addresses took the request', async () => {
    const { simulator } = await start();
    resolveTo([UNREACHABLE, '127.0.0.1']);
    const gateway = gatewayAt(simulator.url.replace('127.0.0.1', 'gateway.test'));
    simulator.nextSubmits('accept-then-reset');
    expect(await failureOf(gateway.submit(IMAGE_URL))).toMatchObject({ name: 'OutcomeUnknown' });
    expect(await gateway.submit(IMAGE_URL)).toMatchObject({ status: 'QUEUED' });
    expect(simulator.charged).toBe(2);
  });

  it('was surely sent nothing if its name does not exist', async () => {
    const error = await failureOf(gatewayAt('https://gateway.invalid').submit(IMAGE_URL));
    expect(error).toMatchObject({ name: 'GatewayUnreachable' });
  });
});

/** An address of this machine that no connection can be made to: the loopback network's broadcast address. */
const UNREACHABLE = '127.255.255.255';

/** For this test, each host name has these addresses. */
function resolveTo(addresses: string[]): void {
  const found = addresses.map((address) => ({ address, family: isIP(address) }));
  const lookup = (_name: string, _options: unknown, answer: (error: null, found: dns.LookupAddress[]) => void) =>
    answer(null, found);
  const spy = vi.spyOn(dns, 'lookup').mockImplementation(lookup as typeof dns.lookup);
  onTestFinished(() => spy.mockRestore());
}
