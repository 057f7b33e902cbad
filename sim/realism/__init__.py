"""How real the sensors' data look: a detector that never saw them, and statistics, beside CARLA's and KITTI's."""
