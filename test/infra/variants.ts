/** Settings that together reach all there is in the template. */
export const VARIANTS = {
  default: {},
  destroy: { removal: 'destroy' },
  email: { alarmEmail: 'images@example.com' },
  existing: { uploadsBucket: 'my-uploads', resultsBucket: 'my-results', apiKeySecret: 'pixazo/api-key' },
  existingSecretArn: { apiKeySecret: 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:pixazo/api-key-AbC123' },
  tuned: {
    gatewayUrl: 'https://gateway.example.com',
    resultHosts: '*.example.com,http://127.0.0.1:8080',
    expectedSeconds: '3',
    timeoutMinutes: '45',
    alarmDollarsPerDay: '20',
    pause: 'false',
  },
  paced: { uploadsPerMinute: '75', imagesPerDay: '500' },
  webhook: { webhook: 'true' },
  prefixes: { uploadsPrefix: 'in/', resultsPrefix: 'out/' },
  suffixes: { uploadsSuffixes: '.jpg,.JPG' },
  kms: {
    uploadsBucket: 'my-uploads',
    resultsBucket: 'my-results',
    uploadsKmsKey: 'arn:aws:kms:eu-west-1:111122223333:key/uploads',
    resultsKmsKey: 'arn:aws:kms:eu-west-1:111122223333:key/results',
  },
} satisfies Record<string, Record<string, unknown>>;

export type Variant = keyof typeof VARIANTS;
