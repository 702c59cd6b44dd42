"""Configuration keys that are stored and returned unchanged: nothing here acts on them."""

from __future__ import annotations

from gateway.objects.configuration import ConfigurationKey

_STORED = {
    "general": """
        bell_relay=2
        ssh_enabled=0 web_server_enabled=1 usb_port_enabled=0
        auto_reboot=0
        language show_logo=0 daylight_savings_time_start
        daylight_savings_time_end attendance_mode=0 password_only=0 hide_password_only=0
        password_only_tip hide_name_on_identification=0 denied_transaction_code
        send_code_when_not_identified=0 send_code_when_not_authorized=0 screen_always_on=0
        senior_mode=0 door_choice_enabled=0 ihm_enterprise_mode=0 clock_12h_format=0
        month_day_year_format=0 screenshot_resize screen_brightness energy_mode=0
        energy_display_custom energy_sound_custom energy_ir_custom energy_led_custom
        sec_box_out_mode=0 relay_out_mode=0 gpio_ext1_mode=0 gpio_ext2_mode=0 gpio_ext3_mode=0
        gpio_ext1_idle=1 gpio_ext2_idle=1 gpio_ext3_idle=1
    """,
    "online_client": "extract_template=0",
    "monitor": "enable_photo_upload=0",
    "identifier": """
        verbose_logging=1 log_type=0 face_identification_enabled=0
        custom_auth_message custom_deny_message custom_not_identified_message custom_mask_message
        enable_custom_auth_message=0 enable_custom_deny_message=0
        enable_custom_not_identified_message=0 enable_custom_mask_message=0
    """,
    # The site file declares the outputs of siren and bell, which are no door relays on this device.
    # It has no buzzer of its own and reports to no alarm centre, and the unit of the siren's time
    # is not documented.
    "alarm": "siren_relay=2 playing_timeout buzzer_enabled=0 alarm_central_enabled=0",
    "bio_id": "similarity_threshold_1ton=12300",
    "bio_module": "var_min=1000",
    "face_id": """
        liveness_mode=0 mask_detection_enabled=0 max_identified_duration=30000
        limit_identification_to_display_region=0 min_detect_bounds_width vehicle_mode=0
    """,
    "barras": """
        qrcode_legacy_mode_enabled totp_enabled totp_window_size totp_window_num totp_single_use
        totp_tz_offset
    """,
    "w_out0": "size=26 data",
    "sec_box": """
        out_mode mode wiegand_format_size=26 wiegand_out_size=26 catra_role=0 catra_default_fsm=0
        catra_side_to_enter=0 catra_timeout catra_bio_sync_period=1000 catra_sync_period=5000
        catra_config_sync_period=60 catra_relay_1_enabled=0 catra_relay_1_enable_direction
        catra_relay_2_enabled=0 catra_relay_2_enable_direction catra_collect_visitor_card=0
    """,
    # `mifare`, `rfid` and `hid_reader` configure readers inside the vendor's devices, which this
    # one lacks. `card_readerN.mode` MAG means clock-and-data lines, which are not supported.
    "mifare": "byte_order read_sector read_block authentication_type=A",
    "card_reader0": "mode=WIN",
    "card_reader1": "mode=WIN",
    "card_reader2": "mode=WIN",
    "card_reader3": "mode=WIN",
    "rfid": "ask_site_code_size=8 ask_user_code_size=16",
    "hid_reader": """
        format_w37 w37_cardid_size format_w26 format_mifare format_indala_b1 format_ask
        ignore_facility
    """,
    "osdp": """
        enabled=0 pd_address baud_rate=9600 card_read_report_format=wiegand wiegand_size=26
        enforce_secure_channel=0 out_mode
    """,
    "uhf": """
        work_channel trigger_timeout trig_idle tag_detector_enabled=0
    """,
    "rs485": "enabled=0 legacy_mode=0 receive_timeout=1000",
    "gpio": """
        catra_relay_1_enabled=0 catra_relay_1_enable_direction catra_relay_2_enabled=0
        catra_relay_2_enable_direction
    """,
    "face_module": "led_ir_brightness light_threshold_led_activation",
    "led_white": "brightness",
    "led_rgb": """
        state=1 solid_red solid_green solid_blue transition_start_red transition_start_green
        transition_start_blue transition_end_red transition_end_green transition_end_blue
    """,
    "buzzer": """
        audio_message_not_identified=default audio_message_authorized=default
        audio_message_not_authorized=default audio_message_use_mask=default
        audio_message_volume_gain=1
    """,
    "video_player": """
        custom_video_enabled=0 hide_control_bar=0 hide_clock=0 hide_menu_button=0 hide_logo=0
        hide_device_name=0 hide_call_buttons=0
    """,
    "enroller": "return_face_template=0",
    "snmp_agent": "snmp_enabled=0",
}

STORED_KEYS = tuple(
    ConfigurationKey(module, key, default)
    for module, text in _STORED.items()
    for key, _, default in (word.partition("=") for word in text.split())
)
"""All of them without a limit of their own."""
