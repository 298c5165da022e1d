import { App, type AppProps, Validations } from 'aws-cdk-lib';
import recommended from 'aws-cdk-lib/recommended-feature-flags.json' with { type: 'json' };
import { AwsSolutionsChecks, ServerlessChecks } from 'cdk-nag';
import { readSettings } from './settings/context.ts';
import { SettingError } from './settings/readers.ts';
import { CutoutStack } from './stack.ts';

/** Feature flags as a new CDK app has them, but for two that would change the template. Of an unset flag `cdk` warns. */
export const FEATURE_FLAGS = {
  ...recommended,
  // Merges statements of a policy; one for each purpose is easier to review.
  '@aws-cdk/aws-iam:minimizePolicies': false,
  // Tells AWS not only which constructs are used, but also with which properties.
  '@aws-cdk/core:enableAdditionalMetadataCollection': false,
};

/** The CDK app: one stack, with the settings that the context gives, checked by cdk-nag and CloudFormation's rules on every synth. */
export function createApp(props?: AppProps, { checked = true } = {}): App {
  const app = new App({ ...props, context: { ...FEATURE_FLAGS, ...props?.context } });
  // What CloudFormation's own rules find fails the synth, as cdk-nag's findings do; by default the CDK only warns.
  app.node.setContext('@aws-cdk/core:validateAgainstDefaultRules', checked);
  new CutoutStack(app, 'Cutout', {
    settings: readSettings(app.node),
    description: 'Removes the background of images dropped in a bucket',
  });
  if (checked) Validations.of(app).addPlugins(new AwsSolutionsChecks(app), new ServerlessChecks(app));
  return app;
}

if (import.meta.main) {
  try {
    createApp().synth();
  } catch (error) {
    // A setting that cannot be used is no crash: its message says all there is to say.
    if (!(error instanceof SettingError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}
