export { type ErrorName, REMEDIES } from '../functions/errors.ts';
export { BackgroundRemoval } from './background-removal.ts';
export type { ExecutionInput, ExecutionOutput, ObjectSource, StoredResult, UrlSource } from './contract.ts';
export type { WebhookProps } from './pipeline/webhook.ts';
export type { BackgroundRemovalProps } from './props.ts';
export {
  RemoveBackground,
  type RemoveBackgroundJsonataProps,
  type RemoveBackgroundJsonPathProps,
  type RemoveBackgroundProps,
} from './remove-background.ts';
