import { type FunctionUrl, serveFunctionUrl } from '../function-url.ts';
import type { Template } from '../template.ts';

/** The function URLs of a template. Each keeps its address for as long as it is in the template. */
export class FunctionUrls {
  readonly #served = new Map<string, FunctionUrl>();

  /** Serves those of this template, which learns their addresses, and closes all others. */
  async replace(template: Template, invoke: (functionName: string, event: unknown) => Promise<unknown>): Promise<void> {
    const urls = template.resources('AWS::Lambda::Url');
    for (const [logicalId, url] of this.#served) {
      if (urls.some((each) => each.logicalId === logicalId)) continue;
      this.#served.delete(logicalId);
      await url.close();
    }
    for (const { logicalId, properties } of urls) {
      const url =
        this.#served.get(logicalId) ?? (await serveFunctionUrl((event) => invoke(properties.TargetFunctionArn, event)));
      this.#served.set(logicalId, url);
      template.functionUrls.set(logicalId, url.url);
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#served.values()].map((url) => url.close()));
  }
}
