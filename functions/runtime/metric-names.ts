/** The CloudWatch namespace of the functions' own metrics. */
export const METRICS_NAMESPACE = 'Cutout';

/** Names of the metrics, which infra's dashboard shows. */
export type MetricName =
  /** Uploads whose execution was started. */
  | 'Uploads'
  /** Submissions that were sent. Less those accepted and refused, it is those whose outcome is unknown. */
  | 'Sent'
  /** Submissions that the gateway accepted: what is paid for, less those that end in ERROR. */
  | 'Submissions'
  /** Submissions that were surely not accepted. */
  | 'Refused'
  /** Executions that delivered. */
  | 'Delivered'
  /** Executions whose source had been overwritten. */
  | 'Superseded';
