"""What knows no survey and no panel: output files, threads, garbage collection, JSON text.

Light but for `json_text`, which is imported by its own name.
"""

from matcher.support.gc_pause import no_garbage_collection
from matcher.support.output_file import check_output, written_whole
from matcher.support.parallel import in_order

__all__ = ["check_output", "in_order", "no_garbage_collection", "written_whole"]
