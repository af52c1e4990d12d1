deps_config := \
	/tmp/kc-k \

include/config/auto.conf: $(deps_config)


$(deps_config): ;
